package odori;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.scalar.db.api.AndConditionSet;
import com.scalar.db.api.ConditionBuilder;
import com.scalar.db.api.ConditionSetBuilder;
import com.scalar.db.api.ConditionalExpression;
import com.scalar.db.api.ConditionalExpression.Operator;
import com.scalar.db.api.Delete;
import com.scalar.db.api.Get;
import com.scalar.db.api.Insert;
import com.scalar.db.api.Put;
import com.scalar.db.api.Scan;
import com.scalar.db.api.ScanAll;
import com.scalar.db.api.TableMetadata;
import com.scalar.db.api.Update;
import com.scalar.db.api.Upsert;
import com.scalar.db.io.Column;
import com.scalar.db.io.Key;
import com.scalar.db.io.TextColumn;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A command's fields as an operation of the library. */
final class Operations {
  private static final Map<String, Operator> OPERATORS = Map.of(
      "=", Operator.EQ, "!=", Operator.NE, ">", Operator.GT, ">=", Operator.GTE,
      "<", Operator.LT, "<=", Operator.LTE, "null", Operator.IS_NULL,
      "not null", Operator.IS_NOT_NULL, "like", Operator.LIKE, "not like", Operator.NOT_LIKE);

  private final Ask ask;
  private final String namespace;
  private final String name;
  private final TableMetadata table;
  private String built;

  Operations(Store store, Ask ask) throws Exception {
    this.ask = ask;
    namespace = ask.text("namespace");
    name = ask.text("table");
    table = store.table(namespace, name);
  }

  /** The test matrix's name of the operation that was made of the command. */
  Optional<String> built() {
    return Optional.ofNullable(built);
  }

  private <T> T built(String what, T operation) {
    built = what;
    return operation;
  }

  Get get() {
    var start = Get.newBuilder().namespace(namespace).table(name);
    Get plain;
    if (ask.has("index")) {
      plain = start.indexKey(key(ask.object("index"))).build();
    } else {
      var builder = start.partitionKey(partition("key"));
      plain = clustered() ? builder.clusteringKey(clustering()).build() : builder.build();
    }
    var builder = Get.newBuilder(plain);
    ask.list("projection").forEach(column -> builder.projection(column.getAsString()));
    return ask.has("where") ? built("get where", builder.whereOr(where()).build())
        : built("get", builder.build());
  }

  Scan scan() {
    var builder = Scan.newBuilder(plainScan());
    if (ask.has("start")) {
      builder.start(key(ask.object("start")), !ask.flag("startExclusive"));
    }
    if (ask.has("end")) {
      builder.end(key(ask.object("end")), !ask.flag("endExclusive"));
    }
    ask.texts("order").forEach((column, order) -> builder.ordering(
        order.equals("DESC") ? Scan.Ordering.desc(column) : Scan.Ordering.asc(column)));
    ask.list("projection").forEach(column -> builder.projection(column.getAsString()));
    builder.limit(ask.number("limit", 0));
    Scan scan = ask.has("where") ? builder.whereOr(where()).build() : builder.build();
    return built(named(scan), scan);
  }

  private String named(Scan scan) {
    boolean reversed = scan.getOrderings().stream().anyMatch(by ->
        !by.getOrder().name().equals(table.getClusteringOrder(by.getColumnName()).name()));
    boolean range = scan.getStartClusteringKey().isPresent()
        || scan.getEndClusteringKey().isPresent();
    return (ask.has("index") ? "index" : scan instanceof ScanAll ? "all" : "scan")
        + (reversed ? " reversed" : "")
        + (range ? " range" : "")
        + (scan.getLimit() > 0 ? " limit" : "")
        + (scan.getConjunctions().isEmpty() ? "" : " where");
  }

  private Scan plainScan() {
    var start = Scan.newBuilder().namespace(namespace).table(name);
    if (ask.has("index")) {
      return start.indexKey(key(ask.object("index"))).build();
    }
    return ask.flag("all") ? start.all().build() : start.partitionKey(partition("key")).build();
  }

  Put put() {
    var builder = Put.newBuilder().namespace(namespace).table(name).partitionKey(partition("key"));
    if (clustered()) {
      builder.clusteringKey(clustering());
    }
    values().forEach(builder::value);
    if (ask.flag("preRead")) {
      builder.enableImplicitPreRead();
    }
    if (ask.has("if")) {
      builder.condition(switch (word("if")) {
        case "exists" -> ConditionBuilder.putIfExists();
        case "not exists" -> ConditionBuilder.putIfNotExists();
        default -> ConditionBuilder.putIf(all(ask.get("if")));
      });
    }
    return built(ask.has("if") ? "put if" : "put", builder.build());
  }

  Insert insert() {
    var start = Insert.newBuilder().namespace(namespace).table(name);
    var builder = start.partitionKey(partition("key"));
    if (clustered()) {
      builder.clusteringKey(clustering());
    }
    values().forEach(builder::value);
    return built("insert", builder.build());
  }

  Upsert upsert() {
    var start = Upsert.newBuilder().namespace(namespace).table(name);
    var builder = start.partitionKey(partition("key"));
    if (clustered()) {
      builder.clusteringKey(clustering());
    }
    values().forEach(builder::value);
    return built("upsert", builder.build());
  }

  Update update() {
    var start = Update.newBuilder().namespace(namespace).table(name);
    var builder = start.partitionKey(partition("key"));
    if (clustered()) {
      builder.clusteringKey(clustering());
    }
    values().forEach(builder::value);
    if (ask.has("if")) {
      boolean exists = word("if").equals("exists");
      builder.condition(exists ? ConditionBuilder.updateIfExists()
          : ConditionBuilder.updateIf(all(ask.get("if"))));
    }
    return built(ask.has("if") ? "update where" : "update", builder.build());
  }

  Delete delete() {
    var start = Delete.newBuilder().namespace(namespace).table(name);
    var builder = start.partitionKey(partition("key"));
    if (clustered()) {
      builder.clusteringKey(clustering());
    }
    if (ask.has("if")) {
      boolean exists = word("if").equals("exists");
      builder.condition(exists ? ConditionBuilder.deleteIfExists()
          : ConditionBuilder.deleteIf(all(ask.get("if"))));
    }
    return built(ask.has("if") ? "delete where" : "delete", builder.build());
  }

  Key partition(String field) {
    JsonObject given = new JsonObject();
    for (String column : table.getPartitionKeyNames()) {
      given.add(column, ask.object(field).get(column));
    }
    return key(given);
  }

  /** The clustering part of the key, or null when the table has none. */
  Key clustering() {
    JsonObject given = new JsonObject();
    for (String column : table.getClusteringKeyNames()) {
      given.add(column, ask.object("key").get(column));
    }
    return clustered() ? key(given) : null;
  }

  private boolean clustered() {
    return !table.getClusteringKeyNames().isEmpty();
  }

  private Key key(JsonObject given) {
    Key.Builder key = Key.newBuilder();
    given.entrySet().forEach(e -> key.add(column(e.getKey(), e.getValue())));
    return key.build();
  }

  private List<Column<?>> values() {
    List<Column<?>> columns = new ArrayList<>();
    ask.object("values").entrySet().forEach(e -> columns.add(column(e.getKey(), e.getValue())));
    return columns;
  }

  private Column<?> column(String column, JsonElement value) {
    if (!table.getColumnNames().contains(column)) {
      throw new IllegalArgumentException(namespace + "." + name + " has no column " + column);
    }
    return Values.column(column, table.getColumnDataType(column), value);
  }

  private String word(String field) {
    return ask.get(field).isJsonPrimitive() ? ask.text(field) : "";
  }

  /** Groups of expressions [column, operator, value]; one group must hold whole. */
  private Set<AndConditionSet> where() {
    Set<AndConditionSet> groups = new LinkedHashSet<>();
    for (JsonElement group : ask.list("where")) {
      Set<ConditionalExpression> whole = new LinkedHashSet<>(all(group));
      groups.add(ConditionSetBuilder.andConditionSet(whole).build());
    }
    return groups;
  }

  private List<ConditionalExpression> all(JsonElement group) {
    return group.getAsJsonArray().asList().stream().map(e -> one(e.getAsJsonArray())).toList();
  }

  private ConditionalExpression one(JsonArray parts) {
    Operator operator = OPERATORS.get(parts.get(1).getAsString());
    JsonElement value = parts.size() > 2 ? parts.get(2) : JsonNull.INSTANCE;
    Column<?> column = column(parts.get(0).getAsString(), value);
    boolean like = operator == Operator.LIKE || operator == Operator.NOT_LIKE;
    return like ? ConditionBuilder.buildLikeExpression((TextColumn) column, operator, "\\")
        : ConditionBuilder.buildConditionalExpression(column, operator);
  }
}
