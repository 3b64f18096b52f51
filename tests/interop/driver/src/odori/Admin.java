package odori;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.scalar.db.api.DistributedTransactionAdmin;
import com.scalar.db.api.Scan.Ordering.Order;
import com.scalar.db.api.TableMetadata;
import com.scalar.db.io.DataType;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Namespaces, tables, coordinator tables. */
final class Admin {
  private interface Act {
    Object on(DistributedTransactionAdmin admin, Ask ask) throws Exception;
  }

  private interface TableAct {
    void on(DistributedTransactionAdmin admin, String namespace, String table, Ask ask)
        throws Exception;
  }

  private final Stores stores;
  private final Map<String, Driver.Command> commands;
  private final Cells cells;

  Admin(Stores stores, Map<String, Driver.Command> commands, Cells cells) {
    this.stores = stores;
    this.cells = cells;
    this.commands = commands;
    namespaces();
    coordinator();
    tables();
    columns();
  }

  private void namespaces() {
    add("createNamespace", (admin, ask) -> {
      admin.createNamespace(ask.text("namespace"), true, ask.texts("options"));
      return null;
    });
    add("dropNamespace", (admin, ask) -> {
      admin.dropNamespace(ask.text("namespace"));
      return null;
    });
    add("namespaces", (admin, ask) -> admin.getNamespaceNames());
    add("tables", (admin, ask) -> admin.getNamespaceTableNames(ask.text("namespace")));
  }

  private void coordinator() {
    change("createCoordinatorTables", (admin, ask) -> {
      admin.createCoordinatorTables(true, ask.texts("options"));
      return null;
    });
    change("dropCoordinatorTables", (admin, ask) -> {
      admin.dropCoordinatorTables();
      return null;
    });
    change("truncateCoordinatorTables", (admin, ask) -> {
      admin.truncateCoordinatorTables();
      return null;
    });
    change("repairCoordinatorTables", (admin, ask) -> {
      admin.repairCoordinatorTables(ask.texts("options"));
      return null;
    });
  }

  private void tables() {
    table("createTable", (admin, namespace, table, ask) ->
        admin.createTable(namespace, table, metadata(ask), ask.texts("options")));
    table("dropTable", (admin, namespace, table, ask) -> admin.dropTable(namespace, table));
    table("truncate", (admin, namespace, table, ask) -> admin.truncateTable(namespace, table));
    table("repairTable", (admin, namespace, table, ask) ->
        admin.repairTable(namespace, table, metadata(ask), ask.texts("options")));
    table("importTable", (admin, namespace, table, ask) -> {
      Map<String, DataType> types = new LinkedHashMap<>();
      ask.texts("types").forEach((column, type) -> types.put(column, DataType.valueOf(type)));
      admin.importTable(namespace, table, ask.texts("options"), types);
    });
    add("metadata", (admin, ask) ->
        describe(admin.getTableMetadata(ask.text("namespace"), ask.text("table"))));
  }

  private void columns() {
    table("addColumn", (admin, namespace, table, ask) -> admin.addNewColumnToTable(
        namespace, table, ask.text("column"), DataType.valueOf(ask.text("type"))));
    table("createIndex", (admin, namespace, table, ask) ->
        admin.createIndex(namespace, table, ask.text("column"), ask.texts("options")));
    table("dropIndex", (admin, namespace, table, ask) ->
        admin.dropIndex(namespace, table, ask.text("column")));
  }

  private void add(String name, Act act) {
    commands.put(name, ask -> done(name, ask, act.on(stores.of(ask).admin, ask)));
  }

  private Object done(String name, Ask ask, Object answer) {
    cells.executed(ask.list("labels"), List.of(name), "any");
    return answer;
  }

  private void change(String name, Act act) {
    commands.put(name, ask -> {
      Store store = stores.of(ask);
      try {
        return done(name, ask, act.on(store.admin, ask));
      } finally {
        store.renew();
      }
    });
  }

  private void table(String name, TableAct act) {
    change(name, (admin, ask) -> {
      act.on(admin, ask.text("namespace"), ask.text("table"), ask);
      return null;
    });
  }

  /** Columns {name: type} in their order, partition [name], clustering {name: ASC}, index [name]. */
  private static TableMetadata metadata(Ask ask) {
    TableMetadata.Builder builder = TableMetadata.newBuilder();
    ask.texts("columns").forEach((name, type) -> builder.addColumn(name, DataType.valueOf(type)));
    ask.list("partition").forEach(name -> builder.addPartitionKey(name.getAsString()));
    ask.texts("clustering").forEach(
        (name, order) -> builder.addClusteringKey(name, Order.valueOf(order)));
    ask.list("index").forEach(name -> builder.addSecondaryIndex(name.getAsString()));
    return builder.build();
  }

  private static JsonElement describe(TableMetadata table) {
    if (table == null) {
      return Driver.GSON.toJsonTree(null);
    }
    JsonObject said = new JsonObject();
    Map<String, String> columns = new LinkedHashMap<>();
    for (String name : table.getColumnNames()) {
      columns.put(name, table.getColumnDataType(name).name());
    }
    Map<String, String> clustering = new LinkedHashMap<>();
    for (String name : table.getClusteringKeyNames()) {
      clustering.put(name, table.getClusteringOrder(name).name());
    }
    said.add("columns", Driver.GSON.toJsonTree(columns));
    said.add("partition", Driver.GSON.toJsonTree(table.getPartitionKeyNames()));
    said.add("clustering", Driver.GSON.toJsonTree(clustering));
    said.add("index", Driver.GSON.toJsonTree(table.getSecondaryIndexNames()));
    return said;
  }
}
