package odori;

import com.scalar.db.api.DistributedTransaction;
import com.scalar.db.api.Get;
import com.scalar.db.api.Insert;
import com.scalar.db.api.Update;
import com.scalar.db.io.Key;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Transfers at random between accounts (id INT, balance INT). Each transfer that commits writes
 * both accounts once; with `receipts` it also inserts (id TEXT) its transaction's id there.
 */
final class Bank {
  private static final int LARGEST_TRANSFER = 10;

  private final Stores stores;

  Bank(Stores stores, Map<String, Driver.Command> commands) {
    this.stores = stores;
    commands.put("bank", this::run);
  }

  private Object run(Ask ask) throws Exception {
    Store store = stores.of(ask);
    String namespace = ask.text("namespace");
    Accounts accounts = new Accounts(
        namespace, ask.text("table"), ask.text("receipts", null), ask.number("accounts"));
    Map<String, String> attributes = Transactions.attributes(ask);
    Load load = new Load();
    AtomicInteger committed = new AtomicInteger();
    AtomicInteger aborted = new AtomicInteger();
    Collection<String> unknown = new ConcurrentLinkedQueue<>();
    try (Journal journal = new Journal(ask.text("journal", "/dev/null"))) {
      load.run(ask, (thread, random) -> {
        DistributedTransaction tx = store.manager().begin(attributes);
        Load.Outcome outcome = load.attempt(tx, it -> {
          List<Integer> moved = accounts.transfer(it, random);
          journal.write(Map.of("tx", it.getId(), "type", "begun", "moved", moved));
        });
        journal.write(Map.of("tx", tx.getId(), "type", outcome.name().toLowerCase()));
        switch (outcome) {
          case COMMITTED -> committed.incrementAndGet();
          case ABORTED -> aborted.incrementAndGet();
          case UNKNOWN -> unknown.add(tx.getId());
        }
      });
    }
    return new TreeMap<>(Map.of("committed", committed, "aborted", aborted,
        "unknown", unknown, "errors", load.errors()));
  }

  private record Accounts(String namespace, String table, String receipts, int count) {
    /** Moves an amount; answers [from, to, amount]. */
    List<Integer> transfer(DistributedTransaction tx, Random random) throws Exception {
      int from = random.nextInt(count);
      int to = (from + 1 + random.nextInt(count - 1)) % count;
      int there = balance(tx, from);
      int amount = Math.min(there, 1 + random.nextInt(LARGEST_TRANSFER));
      int other = balance(tx, to);
      write(tx, from, there - amount);
      write(tx, to, other + amount);
      if (receipts != null) {
        Key id = Key.ofText("id", tx.getId());
        tx.insert(
            Insert.newBuilder().namespace(namespace).table(receipts).partitionKey(id).build());
      }
      return List.of(from, to, amount);
    }

    private int balance(DistributedTransaction tx, int id) throws Exception {
      Get get = Get.newBuilder().namespace(namespace).table(table)
          .partitionKey(Key.ofInt("id", id)).build();
      return tx.get(get).orElseThrow().getInt("balance");
    }

    private void write(DistributedTransaction tx, int id, int balance) throws Exception {
      tx.update(Update.newBuilder().namespace(namespace).table(table)
          .partitionKey(Key.ofInt("id", id)).intValue("balance", balance).build());
    }
  }
}
