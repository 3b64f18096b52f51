package odori;

import com.scalar.db.api.DistributedTransaction;
import com.scalar.db.exception.transaction.TransactionException;
import com.scalar.db.exception.transaction.UnknownTransactionStatusException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;

/** Threads that run transactions at random until their time is over or somebody stops them. */
final class Load {
  /** What one thread does over and over. */
  interface Step {
    void run(int thread, Random random) throws Exception;
  }

  /** What happens between begin and commit. */
  interface Work {
    void in(DistributedTransaction tx) throws Exception;
  }

  enum Outcome { COMMITTED, ABORTED, UNKNOWN }

  private static final int NO_END_SECONDS = 1_000_000_000;

  private static final Map<String, Load> RUNNING = new ConcurrentHashMap<>();

  private final Map<String, Integer> errors = new ConcurrentSkipListMap<>();
  private volatile boolean stopped;

  /** Ends a run; says whether there was one. */
  static boolean stop(String run) {
    Load load = RUNNING.get(run);
    if (load != null) {
      load.stopped = true;
    }
    return load != null;
  }

  /** Runs `threads` of them for `warmup` and `seconds`; without seconds until it is stopped. */
  void run(Ask ask, Step step) throws InterruptedException {
    String run = ask.text("run", "load");
    long seed = ask.number("seed", 1);
    long seconds = ask.number("warmup", 0) + ask.number("seconds", NO_END_SECONDS);
    long began = System.nanoTime();
    List<Thread> threads = new ArrayList<>();
    RUNNING.put(run, this);
    for (int i = 0; i < ask.number("threads", 1); i++) {
      int thread = i;
      Random random = new Random(seed * 1_000 + i);
      threads.add(new Thread(() -> {
        while (!stopped && System.nanoTime() - began < seconds * 1_000_000_000L) {
          try {
            step.run(thread, random);
          } catch (Throwable error) {
            noteError(error);
          }
        }
      }));
    }
    threads.forEach(Thread::start);
    for (Thread thread : threads) {
      thread.join();
    }
    RUNNING.remove(run, this);
  }

  Map<String, Integer> errors() {
    return new TreeMap<>(errors);
  }

  /** One transaction; whatever goes wrong before its outcome is unknown rolls it back. */
  Outcome attempt(DistributedTransaction tx, Work work) {
    try {
      work.in(tx);
      tx.commit();
      return Outcome.COMMITTED;
    } catch (UnknownTransactionStatusException unknown) {
      return Outcome.UNKNOWN;
    } catch (Exception error) {
      noteError(error);
      try {
        tx.rollback();
      } catch (TransactionException late) {
        noteError(late);
      }
      return Outcome.ABORTED;
    }
  }

  private void noteError(Throwable error) {
    errors.merge(error.getClass().getSimpleName(), 1, Integer::sum);
  }
}

/** JSON lines in a file, each there as soon as it is written: a killed process keeps them. */
final class Journal implements AutoCloseable {
  private final FileOutputStream file;

  Journal(String path) throws IOException {
    file = new FileOutputStream(path, true);
  }

  synchronized void write(Object line) throws IOException {
    file.write((Driver.GSON.toJson(line) + "\n").getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
