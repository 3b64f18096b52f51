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
  private record Handle(Store store, TransactionCrudOperable tx, List<String> cells) {}

  private interface Act {
    Object on(TransactionCrudOperable tx, Operations operations) throws Exception;
  }

  private final Stores stores;
  private final Map<Integer, Handle> handles = new ConcurrentHashMap<>();
  private final AtomicInteger last = new AtomicInteger();
  /** Cells of the test matrix whose transactions got to an end here, good or bad. */
  private final Set<String> ran = ConcurrentHashMap.newKeySet();

  Transactions(Stores stores, Map<String, Driver.Command> commands) {
    this.stores = stores;
    operations(commands);
    ends(commands);
    byId(commands);
    commands.put("begin", ask -> {
      Store store = stores.of(ask);
      boolean twoPhase = ask.flag("twoPhase");
      List<String> cells = ask.list("cells").stream().map(JsonElement::getAsString).toList();
      return twoPhase ? opened(store, beginTwoPhase(store, ask), cells)
          : opened(store, begin(store, ask), cells);
    });
    commands.put("cells", ask -> ran);
    commands.put("join", ask -> {
      Store store = stores.of(ask);
      return opened(store, store.twoPhase().join(ask.text("tx")), List.of());
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

  private Object opened(Store store, DistributedTransaction tx, List<String> cells) {
    return opened(new Handle(store, tx, cells), tx.getId());
  }

  private Object opened(Store store, TwoPhaseCommitTransaction tx, List<String> cells) {
    return opened(new Handle(store, tx, cells), tx.getId());
  }

  private Object opened(Handle handle, String id) {
    int number = last.incrementAndGet();
    handles.put(number, handle);
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
      ran.addAll(handle(ask).cells());
      ((TwoPhaseCommitTransaction) handle(ask).tx()).prepare();
      return null;
    });
    commands.put("validate", ask -> {
      ((TwoPhaseCommitTransaction) handle(ask).tx()).validate();
      return null;
    });
    commands.put("commit", ask -> {
      ran.addAll(handle(ask).cells());
      if (handle(ask).tx() instanceof TwoPhaseCommitTransaction tx) {
        tx.commit();
      } else {
        ((DistributedTransaction) handle(ask).tx()).commit();
      }
      handles.remove(ask.number("handle"));
      return null;
    });
    commands.put("rollback", ask -> {
      ran.addAll(handle(ask).cells());
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
      return act.on(handle.tx(), new Operations(handle.store(), ask));
    });
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
