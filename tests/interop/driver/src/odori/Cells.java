package odori;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which cells of the test matrix ran: what was executed here, by the labels (storage, state,
 * direction) that only the tester knows.
 */
final class Cells {
  private static final String BETWEEN = " | ";

  /** Cells whose operation was executed here. */
  private final Set<String> ran = ConcurrentHashMap.newKeySet();
  /** Labels of states that were made here, for the other side to operate on. */
  private final Set<String> made = ConcurrentHashMap.newKeySet();

  Cells(Map<String, Driver.Command> commands) {
    commands.put("cells", ask -> {
      ask.list("done").stream().map(JsonElement::getAsString).filter(this::isMade)
          .forEach(ran::add);
      return ran;
    });
  }

  /** Operations that were executed; a label may say what they stand for. */
  void executed(List<JsonElement> labels, Collection<String> operations, String isolation) {
    for (JsonElement each : labels) {
      Ask label = new Ask(each.getAsJsonObject());
      String direction = label.text("direction");
      for (String operation : operations) {
        if (direction.startsWith("java")) {
          JsonObject meaning = label.object("meaning");
          String meant = meaning.isEmpty() ? operation
              : meaning.has(operation) ? meaning.get(operation).getAsString() : "";
          ran.add(String.join(BETWEEN, label.text("storage"), meant, label.text("state"),
              label.text("isolation", isolation), direction));
        } else {
          made.add(String.join(BETWEEN, label.text("storage"), label.text("state"), direction));
        }
      }
    }
  }

  /** Of a cell in which the other side operates. */
  private boolean isMade(String cell) {
    String[] parts = cell.split(java.util.regex.Pattern.quote(BETWEEN));
    return made.contains(String.join(BETWEEN, parts[0], parts[2], parts[4]));
  }
}
