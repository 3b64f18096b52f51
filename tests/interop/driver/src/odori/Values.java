package odori;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.scalar.db.io.BigIntColumn;
import com.scalar.db.io.BlobColumn;
import com.scalar.db.io.BooleanColumn;
import com.scalar.db.io.Column;
import com.scalar.db.io.DataType;
import com.scalar.db.io.DateColumn;
import com.scalar.db.io.DoubleColumn;
import com.scalar.db.io.FloatColumn;
import com.scalar.db.io.IntColumn;
import com.scalar.db.io.TextColumn;
import com.scalar.db.io.TimeColumn;
import com.scalar.db.io.TimestampColumn;
import com.scalar.db.io.TimestampTZColumn;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.util.Collection;
import java.util.HexFormat;

/** Columns as JSON: blobs are hex, dates and times ISO texts, floats exact or a word like NaN. */
final class Values {
  private Values() {}

  static Column<?> column(String name, DataType type, JsonElement value) {
    if (value.isJsonNull()) {
      return nothing(name, type);
    }
    return switch (type) {
      case BOOLEAN -> BooleanColumn.of(name, value.getAsBoolean());
      case INT -> IntColumn.of(name, value.getAsBigDecimal().intValueExact());
      case BIGINT -> BigIntColumn.of(name, value.getAsBigDecimal().longValueExact());
      case FLOAT -> FloatColumn.of(name, Float.parseFloat(value.getAsString()));
      case DOUBLE -> DoubleColumn.of(name, Double.parseDouble(value.getAsString()));
      case TEXT -> TextColumn.of(name, value.getAsString());
      case BLOB -> BlobColumn.of(name, HexFormat.of().parseHex(value.getAsString()));
      case DATE -> DateColumn.of(name, LocalDate.parse(value.getAsString()));
      case TIME -> TimeColumn.of(name, LocalTime.parse(value.getAsString()));
      case TIMESTAMP -> TimestampColumn.of(name, LocalDateTime.parse(value.getAsString()));
      case TIMESTAMPTZ -> TimestampTZColumn.of(name, Instant.parse(value.getAsString()));
    };
  }

  static Column<?> nothing(String name, DataType type) {
    return switch (type) {
      case BOOLEAN -> BooleanColumn.ofNull(name);
      case INT -> IntColumn.ofNull(name);
      case BIGINT -> BigIntColumn.ofNull(name);
      case FLOAT -> FloatColumn.ofNull(name);
      case DOUBLE -> DoubleColumn.ofNull(name);
      case TEXT -> TextColumn.ofNull(name);
      case BLOB -> BlobColumn.ofNull(name);
      case DATE -> DateColumn.ofNull(name);
      case TIME -> TimeColumn.ofNull(name);
      case TIMESTAMP -> TimestampColumn.ofNull(name);
      case TIMESTAMPTZ -> TimestampTZColumn.ofNull(name);
    };
  }

  static JsonObject row(Collection<Column<?>> columns) {
    JsonObject row = new JsonObject();
    columns.forEach(column -> row.add(column.getName(), json(column)));
    return row;
  }

  private static JsonElement json(Column<?> column) {
    if (column.hasNullValue()) {
      return JsonNull.INSTANCE;
    }
    return switch (column.getDataType()) {
      case BOOLEAN -> new JsonPrimitive(column.getBooleanValue());
      case INT -> new JsonPrimitive(column.getIntValue());
      case BIGINT -> new JsonPrimitive(column.getBigIntValue());
      case FLOAT -> real(column.getFloatValue());
      case DOUBLE -> real(column.getDoubleValue());
      case TEXT -> new JsonPrimitive(column.getTextValue());
      case BLOB -> new JsonPrimitive(HexFormat.of().formatHex(column.getBlobValueAsBytes()));
      case DATE -> new JsonPrimitive(column.getDateValue().toString());
      case TIME -> iso(DateTimeFormatter.ISO_LOCAL_TIME.format(column.getTimeValue()));
      case TIMESTAMP -> iso(DateTimeFormatter.ISO_DATE_TIME.format(column.getTimestampValue()));
      case TIMESTAMPTZ -> iso(column.getTimestampTZValue().toString());
    };
  }

  private static JsonElement real(double value) {
    boolean plain = Double.isFinite(value);
    return plain ? new JsonPrimitive(value) : new JsonPrimitive(Double.toString(value));
  }

  private static JsonElement iso(String text) {
    return new JsonPrimitive(text);
  }
}
