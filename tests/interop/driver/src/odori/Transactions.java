package odori;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.scalar.db.api.DistributedTransaction;
import com.scalar.db.api.DistributedTransactionManager;
import com.scalar.db.api.Result;
import com.scalar.db.api.TransactionCrudOperable;
import com.scalar.db.api.TwoPhaseCommitTransaction;
import com.scalar.db.api.TwoPhaseCommitTransactionManager;
import com.scalar.db.transaction.consensuscommit.ConsensusCommitOperationAttributes;
import com.scalar.db.transaction.consensuscommit.Isolation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** Transactions by handle, as many at once as somebody opens. */
final class Transactions {
  /** A transaction, and the names of the operations that were executed in it. */
  private record Handle(Store store, TransactionCrudOperable tx, String isolation,
      boolean readOnly, List<JsonElement> labels, Set<String> done) {}

  private interface Act {
    Object on(TransactionCrudOperable tx, Operations operations) throws Exception;
  }

  private final Stores stores;
  private final Map<Integer, Handle> handles = new ConcurrentHashMap<>();
  private final AtomicInteger last = new AtomicInteger();
  private final Cells cells;

  Transactions(Stores stores, Map<String, Driver.Command> commands, Cells cells) {
    this.stores = stores;
    this.cells = cells;
    operations(commands);
    ends(commands);
    byId(commands);
    commands.put("begin", ask -> {
      Store store = stores.of(ask);
      boolean twoPhase = ask.flag("twoPhase");
      if (twoPhase) {
        TwoPhaseCommitTransaction tx = beginTwoPhase(store, ask);
        return opened(ask, store, tx, tx.getId());
      }
      DistributedTransaction tx = begin(store, ask);
      return opened(ask, store, tx, tx.getId());
    });
    commands.put("join", ask -> {
      Store store = stores.of(ask);
      TwoPhaseCommitTransaction tx = store.twoPhase().join(ask.text("tx"));
      return opened(ask, store, tx, tx.getId());
    });
  }

  /** What `begin` takes to give one transaction an isolation of its own. */
  static Map<String, String> attributes(Ask ask) {
    Map<String, String> attributes = new HashMap<>();
    if (ask.has("isolation")) {
      Isolation isolation = Isolation.valueOf(ask.text("isolation"));
      ConsensusCommitOperationAttributes.setTransactionIsolation(attributes, isolation);
    }
    return attributes;
  }

  private static DistributedTransaction begin(Store store, Ask ask) throws Exception {
    DistributedTransactionManager manager = store.manager();
    Map<String, String> attributes = attributes(ask);
    if (ask.flag("readOnly")) {
      return ask.has("tx") ? manager.beginReadOnly(ask.text("tx"), attributes)
          : manager.beginReadOnly(attributes);
    }
    return ask.has("tx") ? manager.begin(ask.text("tx"), attributes) : manager.begin(attributes);
  }

  private static TwoPhaseCommitTransaction beginTwoPhase(Store store, Ask ask) throws Exception {
    TwoPhaseCommitTransactionManager manager = store.twoPhase();
    return ask.has("tx") ? manager.begin(ask.text("tx")) : manager.begin();
  }

  private Object opened(Ask ask, Store store, TransactionCrudOperable tx, String id) {
    int number = last.incrementAndGet();
    String isolation = ask.text("isolation", Isolation.SNAPSHOT.name());
    Set<String> done = ConcurrentHashMap.newKeySet();
    boolean readOnly = ask.flag("readOnly");
    handles.put(
        number, new Handle(store, tx, isolation, readOnly, ask.list("labels"), done));
    return Map.of("handle", number, "tx", id);
  }

  private void operations(Map<String, Driver.Command> commands) {
    add(commands, "get", (tx, it) -> tx.get(it.get()).map(Transactions::row).orElse(null));
    add(commands, "scan", (tx, it) -> tx.scan(it.scan()).stream().map(Transactions::row).toList());
    commands.put("scanner", ask -> {
      Handle handle = handle(ask);
      List<JsonElement> rows = new ArrayList<>();
      try (var scanner = handle.tx().getScanner(new Operations(handle.store(), ask).scan())) {
        for (int left = ask.number("take"); left > 0; left--) {
          scanner.one().ifPresent(row -> rows.add(row(row)));
        }
      }
      return rows;
    });
    add(commands, "put", (tx, it) -> {
      tx.put(it.put());
      return null;
    });
    add(commands, "insert", (tx, it) -> {
      tx.insert(it.insert());
      return null;
    });
    add(commands, "upsert", (tx, it) -> {
      tx.upsert(it.upsert());
      return null;
    });
    add(commands, "update", (tx, it) -> {
      tx.update(it.update());
      return null;
    });
    add(commands, "delete", (tx, it) -> {
      tx.delete(it.delete());
      return null;
    });
  }

  private void ends(Map<String, Driver.Command> commands) {
    commands.put("prepare", ask -> {
      report(handle(ask));
      ((TwoPhaseCommitTransaction) handle(ask).tx()).prepare();
      return null;
    });
    commands.put("validate", ask -> {
      ((TwoPhaseCommitTransaction) handle(ask).tx()).validate();
      return null;
    });
    commands.put("commit", ask -> {
      report(handle(ask));
      if (handle(ask).tx() instanceof TwoPhaseCommitTransaction tx) {
        tx.commit();
      } else {
        ((DistributedTransaction) handle(ask).tx()).commit();
      }
      handles.remove(ask.number("handle"));
      return null;
    });
    commands.put("rollback", ask -> {
      report(handle(ask));
      if (handle(ask).tx() instanceof TwoPhaseCommitTransaction tx) {
        tx.rollback();
      } else {
        ((DistributedTransaction) handle(ask).tx()).rollback();
      }
      handles.remove(ask.number("handle"));
      return null;
    });
  }

  private void byId(Map<String, Driver.Command> commands) {
    commands.put("state", ask -> stores.of(ask).manager().getState(ask.text("tx")).name());
    commands.put("abort", ask -> stores.of(ask).manager().abort(ask.text("tx")).name());
    commands.put("finish", ask -> stores.of(ask).manager().finishTransaction(ask.text("tx")));
    commands.put("recover", ask -> {
      Store store = stores.of(ask);
      Operations it = new Operations(store, ask);
      String namespace = ask.text("namespace");
      return store.manager().recoverRecord(
          namespace, ask.text("table"), it.partition("key"), it.clustering());
    });
  }

  private void add(Map<String, Driver.Command> commands, String name, Act act) {
    commands.put(name, ask -> {
      Handle handle = handle(ask);
      Operations operations = new Operations(handle.store(), ask);
      try {
        return act.on(handle.tx(), operations);
      } finally { // refused counts, too; what could not even be built does not
        operations.built().ifPresent(
            done -> handle.done().add(handle.readOnly() ? done + " read-only" : done));
      }
    });
  }

  private void report(Handle handle) {
    cells.executed(handle.labels(), handle.done(), handle.isolation());
  }

  private Handle handle(Ask ask) {
    Handle handle = handles.get(ask.number("handle"));
    if (handle == null) {
      throw new IllegalArgumentException("no open transaction " + ask.number("handle"));
    }
    return handle;
  }

  private static JsonElement row(Result result) {
    return result == null ? JsonNull.INSTANCE : Values.row(result.getColumns().values());
  }
}
