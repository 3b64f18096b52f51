package odori;

import com.scalar.db.api.DistributedTransaction;
import com.scalar.db.api.Get;
import com.scalar.db.api.Upsert;
import com.scalar.db.io.Key;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Lists (k INT, v TEXT of numbers and commas) that transactions read and append to. The history
 * has a line when a transaction begins and one when it ended: ok, fail, or info for unknown.
 * Its times are of the monotonic clock, which all processes of a machine share.
 */
final class Append {
  private static final int MOST_OPERATIONS = 4;
  /** New keys so often, by the clock: a list stays short, and processes meet on the same keys. */
  private static final int ROTATION_MILLIS = 500;
  private static final int MOST_ROTATIONS = 1_000_000;

  private final Stores stores;

  Append(Stores stores, Map<String, Driver.Command> commands) {
    this.stores = stores;
    commands.put("append", this::run);
  }

  private Object run(Ask ask) throws Exception {
    Store store = stores.of(ask);
    String name = ask.text("process", "java");
    int keys = ask.number("keys");
    AtomicInteger next = new AtomicInteger(ask.number("first", 1));
    int apart = ask.number("apart", 1);
    Map<String, String> attributes = Transactions.attributes(ask);
    String namespace = ask.text("namespace");
    String table = ask.text("table");
    Load load = new Load();
    Map<String, Integer> counts = new TreeMap<>();
    try (Journal history = new Journal(ask.text("history"))) {
      load.run(ask, (thread, random) -> {
        List<List<Object>> wanted = operations(random, keys, next, apart);
        String process = name + "-" + thread;
        history.write(line(process, "invoke", null, wanted));
        DistributedTransaction tx = store.manager().begin(attributes);
        List<List<Object>> done = new ArrayList<>();
        Load.Outcome outcome = load.attempt(tx, it -> {
          for (List<Object> operation : wanted) {
            done.add(perform(it, namespace, table, operation));
          }
        });
        String type = switch (outcome) {
          case COMMITTED -> "ok";
          case ABORTED -> "fail";
          case UNKNOWN -> "info";
        };
        history.write(line(process, type, tx.getId(), type.equals("ok") ? done : wanted));
        synchronized (counts) {
          counts.merge(type, 1, Integer::sum);
        }
      });
    }
    return new TreeMap<>(Map.of("counts", counts, "errors", load.errors()));
  }

  private static List<List<Object>> operations(
      Random random, int keys, AtomicInteger next, int apart) {
    List<List<Object>> wanted = new ArrayList<>();
    long rotation = System.currentTimeMillis() / ROTATION_MILLIS % MOST_ROTATIONS;
    for (int i = random.nextInt(MOST_OPERATIONS); i >= 0; i--) {
      int key = (int) rotation * keys + random.nextInt(keys);
      boolean append = random.nextBoolean();
      wanted.add(append ? List.of("append", key, next.getAndAdd(apart))
          : Arrays.asList("r", key, null));
    }
    return wanted;
  }

  private static List<Object> perform(
      DistributedTransaction tx, String namespace, String table, List<Object> operation)
      throws Exception {
    Key key = Key.ofInt("k", (int) operation.get(1));
    Get get = Get.newBuilder().namespace(namespace).table(table).partitionKey(key).build();
    String list = tx.get(get).map(row -> row.getText("v")).orElse("");
    if (operation.get(0).equals("r")) {
      List<Integer> numbers =
          list.isEmpty() ? List.of() : Arrays.stream(list.split(",")).map(Integer::valueOf).toList();
      return List.of("r", operation.get(1), numbers);
    }
    String longer = list.isEmpty() ? "" + operation.get(2) : list + "," + operation.get(2);
    tx.upsert(Upsert.newBuilder().namespace(namespace).table(table).partitionKey(key)
        .textValue("v", longer).build());
    return operation;
  }

  private static Object line(String process, String type, String tx, Object value) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("process", process);
    line.put("type", type);
    line.put("time", System.nanoTime());
    line.put("tx", tx);
    line.put("value", value);
    return line;
  }
}
