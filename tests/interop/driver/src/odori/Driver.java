package odori;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** One JSON command per line of stdin, one JSON answer per line of stdout, matched by id. */
public final class Driver {
  /** A command; null is an empty answer. */
  interface Command {
    Object run(Ask ask) throws Exception;
  }

  static final Gson GSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err); // whatever a library prints is no answer
    Map<String, Command> commands = commands();
    ExecutorService threads = Executors.newCachedThreadPool();
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String command = line;
      threads.execute(() -> {
        String answer = GSON.toJson(answer(commands, command));
        synchronized (out) {
          out.println(answer);
        }
      });
    }
    Runtime.getRuntime().halt(0); // what is prepared stays so
  }

  private static Map<String, Command> commands() {
    Map<String, Command> commands = new TreeMap<>();
    Stores stores = new Stores(commands);
    Cells cells = new Cells(commands);
    new Admin(stores, commands, cells);
    new Transactions(stores, commands, cells);
    new Bank(stores, commands);
    new Append(stores, commands);
    new Bench(stores, commands);
    commands.put("stop", ask -> Load.stop(ask.text("run")));
    return commands;
  }

  private static JsonObject answer(Map<String, Command> commands, String line) {
    JsonObject answer = new JsonObject();
    try {
      JsonObject json = JsonParser.parseString(line).getAsJsonObject();
      answer.add("id", json.get("id"));
      Ask ask = new Ask(json);
      Command command = commands.get(json.get("do").getAsString());
      if (command == null) {
        throw new IllegalArgumentException("no such command; there are " + commands.keySet());
      }
      Object value = command.run(ask);
      ask.checkThatAllWasRead();
      answer.add("value", value instanceof JsonElement done ? done : GSON.toJsonTree(value));
    } catch (Throwable error) {
      answer.addProperty("error", error.getClass().getSimpleName());
      StringBuilder message = new StringBuilder(String.valueOf(error.getMessage()));
      for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
        message.append(" <- ").append(cause);
      }
      answer.addProperty("message", message.toString());
    }
    return answer;
  }
}
