package odori;

import com.scalar.db.api.DistributedTransactionAdmin;
import com.scalar.db.api.DistributedTransactionManager;
import com.scalar.db.api.TableMetadata;
import com.scalar.db.api.TwoPhaseCommitTransactionManager;
import com.scalar.db.service.TransactionFactory;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;

/** What was opened, by name: each with properties of its own. */
final class Stores {
  private final Map<String, Store> opened = new ConcurrentHashMap<>();

  Stores(Map<String, Driver.Command> commands) {
    commands.put("open", this::open);
    commands.put("renew", ask -> {
      of(ask).renew();
      return null;
    });
    commands.put("close", ask -> {
      Store store = of(ask);
      opened.values().remove(store);
      store.close();
      return null;
    });
  }

  Store of(Ask ask) {
    String name = ask.text("store", "main");
    Store store = opened.get(name);
    if (store == null) {
      throw new IllegalArgumentException("not opened: " + name);
    }
    return store;
  }

  private Object open(Ask ask) {
    Properties properties = new Properties();
    properties.putAll(ask.texts("properties"));
    Store store = new Store(TransactionFactory.create(properties));
    Store before = opened.put(ask.text("store", "main"), store);
    if (before != null) {
      before.close();
    }
    return null;
  }
}

/** One configuration of the library: its admin, and its managers when somebody asks for them. */
final class Store {
  final DistributedTransactionAdmin admin;
  private final TransactionFactory factory;
  private final Map<String, TableMetadata> tables = new ConcurrentHashMap<>();
  private DistributedTransactionManager manager;
  private TwoPhaseCommitTransactionManager twoPhase;

  Store(TransactionFactory factory) {
    this.factory = factory;
    admin = factory.getTransactionAdmin();
  }

  synchronized DistributedTransactionManager manager() {
    manager = manager == null ? factory.getTransactionManager() : manager;
    return manager;
  }

  synchronized TwoPhaseCommitTransactionManager twoPhase() {
    twoPhase = twoPhase == null ? factory.getTwoPhaseCommitTransactionManager() : twoPhase;
    return twoPhase;
  }

  TableMetadata table(String namespace, String table) throws Exception {
    String name = namespace + "." + table;
    TableMetadata known = tables.get(name);
    if (known == null) {
      known = admin.getTableMetadata(namespace, table);
      if (known == null) {
        throw new IllegalArgumentException("no table " + name);
      }
      tables.put(name, known);
    }
    return known;
  }

  /**
   * Managers know tables as they were for up to a minute. This makes them ask anew; transactions
   * that are open in this store do not survive it.
   */
  synchronized void renew() {
    tables.clear();
    if (manager != null) {
      closeAside(manager);
      manager = null;
    }
    if (twoPhase != null) {
      closeAside(twoPhase);
      twoPhase = null;
    }
  }

  void close() {
    renew();
    closeAside(admin);
  }

  /** Cassandra's client takes some seconds to close; nobody needs to wait for it. */
  private static void closeAside(AutoCloseable open) {
    Thread closing = new Thread(() -> {
      try {
        open.close();
      } catch (Exception error) {
        System.err.println("closing: " + error);
      }
    });
    closing.start();
  }
}
