package odori;

import com.scalar.db.api.DistributedTransaction;
import com.scalar.db.api.Get;
import com.scalar.db.api.Insert;
import com.scalar.db.api.Result;
import com.scalar.db.api.TableMetadata;
import com.scalar.db.api.Update;
import com.scalar.db.io.DataType;
import com.scalar.db.io.Key;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Two workloads, measured: `order` (2 rows read and updated, 4 inserted in one transaction) and
 * `rmw` (one row of 1,000 characters read and written, as YCSB-F does). A conflict is tried again
 * at once; the time of a transaction has all its tries in it.
 */
final class Bench {
  private static final int RECORD_CHARACTERS = 1_000;
  private static final int LOAD_BATCH_ROWS = 500;
  private static final Map<String, List<String>> TABLES = new LinkedHashMap<>();

  static {
    TABLES.put("stock", List.of("id INT", "amount INT"));
    TABLES.put("wallet", List.of("id INT", "amount INT"));
    TABLES.put("record", List.of("id INT", "field TEXT"));
    TABLES.put("reservation", List.of("id TEXT", "product INT", "amount INT"));
    TABLES.put("payment", List.of("id TEXT", "customer INT", "amount INT"));
    TABLES.put("shipment", List.of("id TEXT", "customer INT", "amount INT"));
    TABLES.put("orders", List.of("id TEXT", "customer INT", "amount INT"));
  }

  private final Stores stores;

  Bench(Stores stores, Map<String, Driver.Command> commands) {
    this.stores = stores;
    commands.put("benchTables", this::tables);
    commands.put("bench", this::run);
  }

  /** Creates and fills the tables; `second` is where those of the four inserts go. */
  private Object tables(Ask ask) throws Exception {
    Store store = stores.of(ask);
    String first = ask.text("namespace");
    String second = ask.text("second", first);
    for (Map.Entry<String, List<String>> table : TABLES.entrySet()) {
      TableMetadata.Builder builder = TableMetadata.newBuilder().addPartitionKey("id");
      for (String column : table.getValue()) {
        String[] words = column.split(" ");
        builder.addColumn(words[0], DataType.valueOf(words[1]));
      }
      boolean grows = table.getValue().get(0).endsWith("TEXT");
      store.admin.createTable(grows ? second : first, table.getKey(), builder.build(), true);
    }
    store.renew();
    Sizes sizes = Sizes.of(ask);
    fill(store, first, "stock", sizes.products);
    fill(store, first, "wallet", sizes.customers);
    fill(store, first, "record", sizes.records);
    return null;
  }

  /** How many rows there are to choose from; fewer mean more conflicts. */
  private record Sizes(int products, int customers, int records) {
    static Sizes of(Ask ask) {
      return new Sizes(ask.number("products", 1_000), ask.number("customers", 10_000),
          ask.number("records", 1_000));
    }
  }

  private static void fill(Store store, String namespace, String table, int rows)
      throws Exception {
    for (int from = 0; from < rows; from += LOAD_BATCH_ROWS) {
      DistributedTransaction tx = store.manager().begin();
      for (int id = from; id < Math.min(from + LOAD_BATCH_ROWS, rows); id++) {
        var row = Insert.newBuilder().namespace(namespace).table(table)
            .partitionKey(Key.ofInt("id", id));
        tx.insert(table.equals("record") ? row.textValue("field", text(new Random(id))).build()
            : row.intValue("amount", 1_000_000_000).build());
      }
      tx.commit();
    }
  }

  private Object run(Ask ask) throws Exception {
    Store store = stores.of(ask);
    String first = ask.text("namespace");
    String second = ask.text("second", first);
    boolean order = ask.text("workload").equals("order");
    Sizes sizes = Sizes.of(ask);
    Map<String, String> attributes = Transactions.attributes(ask);
    Load load = new Load();
    long warm = System.nanoTime() + ask.number("warmup", 0) * 1_000_000_000L;
    AtomicLong cpuBefore = new AtomicLong(-1);
    AtomicInteger conflicts = new AtomicInteger();
    ConcurrentLinkedQueue<Long> times = new ConcurrentLinkedQueue<>();
    load.run(ask, (thread, random) -> {
      long began = System.nanoTime();
      if (began >= warm) {
        cpuBefore.compareAndSet(-1, cpu());
      }
      int tries = 1;
      while (load.attempt(store.manager().begin(attributes), tx -> {
        if (order) {
          order(tx, first, second, sizes, random);
        } else {
          readModifyWrite(tx, first, sizes, random);
        }
      }) != Load.Outcome.COMMITTED) {
        tries++;
      }
      if (began >= warm) {
        times.add(System.nanoTime() - began);
        conflicts.addAndGet(tries - 1);
      }
    });
    double seconds = (System.nanoTime() - warm) / 1e9;
    return report(times, seconds, (cpu() - cpuBefore.get()) / 1e6, conflicts, load);
  }

  private static Object report(ConcurrentLinkedQueue<Long> times, double seconds,
      double cpuMillis, AtomicInteger conflicts, Load load) {
    long[] sorted = times.stream().mapToLong(Long::longValue).sorted().toArray();
    Map<String, Object> report = new LinkedHashMap<>();
    int last = sorted.length - 1;
    report.put("transactions", sorted.length);
    report.put("seconds", seconds);
    report.put("per_second", sorted.length / seconds);
    report.put("p50_ms", last < 0 ? null : sorted[last / 2] / 1e6);
    report.put("p99_ms", last < 0 ? null : sorted[(int) (last * 0.99)] / 1e6);
    report.put("cpu_ms", last < 0 ? null : cpuMillis / sorted.length);
    report.put("conflicts", conflicts.get());
    report.put("errors", load.errors());
    return report;
  }

  private static long cpu() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private static void order(DistributedTransaction tx, String first, String second, Sizes sizes,
      Random random) throws Exception {
    int product = random.nextInt(sizes.products);
    int customer = random.nextInt(sizes.customers);
    take(tx, first, "stock", product);
    take(tx, first, "wallet", customer);
    Key id = Key.ofText("id", UUID.randomUUID().toString()); // another run may have this seed
    for (String table : List.of("reservation", "payment", "shipment", "orders")) {
      boolean reservation = table.equals("reservation");
      tx.insert(Insert.newBuilder().namespace(second).table(table).partitionKey(id)
          .intValue(reservation ? "product" : "customer", reservation ? product : customer)
          .intValue("amount", 1).build());
    }
  }

  private static void take(DistributedTransaction tx, String namespace, String table, int id)
      throws Exception {
    Key key = Key.ofInt("id", id);
    int amount = read(tx, namespace, table, key).getInt("amount");
    tx.update(Update.newBuilder().namespace(namespace).table(table).partitionKey(key)
        .intValue("amount", amount - 1).build());
  }

  private static void readModifyWrite(
      DistributedTransaction tx, String namespace, Sizes sizes, Random random) throws Exception {
    Key key = Key.ofInt("id", random.nextInt(sizes.records));
    read(tx, namespace, "record", key);
    tx.update(Update.newBuilder().namespace(namespace).table("record").partitionKey(key)
        .textValue("field", text(random)).build());
  }

  private static Result read(DistributedTransaction tx, String namespace, String table, Key key)
      throws Exception {
    Get get = Get.newBuilder().namespace(namespace).table(table).partitionKey(key).build();
    return tx.get(get).orElseThrow();
  }

  private static String text(Random random) {
    StringBuilder text = new StringBuilder(RECORD_CHARACTERS);
    while (text.length() < RECORD_CHARACTERS) {
      text.append((char) ('a' + random.nextInt(26)));
    }
    return text.toString();
  }
}
