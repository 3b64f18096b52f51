package odori;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** One command. It notes which fields were looked at, so that a misspelt one is an error. */
final class Ask {
  private final JsonObject json;
  private final Set<String> seen = new HashSet<>(Set.of("id", "do"));

  Ask(JsonObject json) {
    this.json = json;
  }

  boolean has(String name) {
    seen.add(name);
    return json.has(name) && !json.get(name).isJsonNull();
  }

  JsonElement get(String name) {
    if (!has(name)) {
      throw new IllegalArgumentException("the command lacks " + name);
    }
    return json.get(name);
  }

  String text(String name) {
    return get(name).getAsString();
  }

  String text(String name, String otherwise) {
    return has(name) ? text(name) : otherwise;
  }

  int number(String name) {
    return get(name).getAsBigDecimal().intValueExact();
  }

  int number(String name, int otherwise) {
    return has(name) ? number(name) : otherwise;
  }

  boolean flag(String name) {
    return has(name) && get(name).getAsBoolean();
  }

  /** The object of this name; an absent one is empty. */
  JsonObject object(String name) {
    return has(name) ? get(name).getAsJsonObject() : new JsonObject();
  }

  /** The list of this name; an absent one is empty. */
  List<JsonElement> list(String name) {
    return (has(name) ? get(name).getAsJsonArray() : new JsonArray()).asList();
  }

  Map<String, String> texts(String name) {
    Map<String, String> texts = new LinkedHashMap<>();
    object(name).entrySet().forEach(e -> texts.put(e.getKey(), e.getValue().getAsString()));
    return texts;
  }

  void checkThatAllWasRead() {
    Set<String> rest = new HashSet<>(json.keySet());
    rest.removeAll(seen);
    if (!rest.isEmpty()) {
      throw new IllegalArgumentException("the command knows no " + rest);
    }
  }
}
