package consulting.lmx.conversation.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.mongodb.MongoException;
import com.mongodb.MongoWriteException;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import consulting.lmx.conversation.store.ConversationFields;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bson.Document;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code smoke}: tries a running service from outside. */
@Command(
        name = "smoke",
        mixinStandardHelpOptions = true,
        description =
                "Creates conversations with and without ids, rapidly and in parallel, against a running service, checks"
                        + " that every sessionId is there and unique, and deletes them again.",
        footer = {
            "",
            "Given MONGODB_URI too, it also tries to insert a conversation without a sessionId past the service, which the"
                    + " database must refuse.",
            "Exit codes: 0 all is well, 1 it is not, 2 wrong usage, 3 the service could not be reached, 4 a failure half way"
                    + " (safe to run again)."
        })
public class SmokeCommand implements Callable<Integer> {

    private static final int CONVERSATIONS = 200;
    private static final int AT_ONCE = 16;

    /** What the validator answers; a unique index refuses such a one only because there is another. */
    private static final int FAILED_VALIDATION = 121;

    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    private final ObjectMapper json;
    private final Optional<String> connectionString;
    private final String databaseName;
    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(TIMEOUT).build();

    @Spec
    CommandSpec spec;

    @Option(
            names = "--url",
            required = true,
            paramLabel = "URL",
            description = "Where the service is, for instance http://localhost:8080.")
    URI url;

    @Option(
            names = "--token",
            paramLabel = "T",
            description = "A token that the service takes; needed unless it has a dev user.")
    Optional<String> token;

    SmokeCommand(
            ObjectMapper json,
            @ConfigProperty(name = "quarkus.mongodb.connection-string") Optional<String> connectionString,
            @ConfigProperty(name = "quarkus.mongodb.database") String databaseName) {
        this.json = json;
        this.connectionString = connectionString;
        this.databaseName = databaseName;
    }

    /** What the service said of one conversation. */
    private record Created(String conversationId, String sessionId) {}

    /** An answer that is not the one expected. */
    private static final class Unexpected extends RuntimeException {
        Unexpected(String message) {
            super(message);
        }
    }

    @Override
    public Integer call() {
        if (url.getHost() == null || !List.of("http", "https").contains(url.getScheme())) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--url is no http address: " + url);
        }
        List<Created> created = new ArrayList<>();
        ExecutorService callers = Executors.newFixedThreadPool(AT_ONCE);
        try {
            int code = tryService(callers, created);
            boolean clean = cleanUp(callers, created);
            return code == ExitCode.HOLDS && !clean ? ExitCode.FAILED : code;
        } finally {
            callers.shutdown();
        }
    }

    private int tryService(ExecutorService callers, List<Created> created) {
        try {
            inParallel(callers, this::create, CONVERSATIONS, created);
            int code = check(created);
            return code != ExitCode.HOLDS ? code : refusesANull();
        } catch (Unexpected e) {
            return say(ExitCode.BROKEN, e.getMessage());
        } catch (IOException e) {
            return say(ExitCode.UNREACHABLE, url + " could not be reached: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return say(ExitCode.FAILED, "Interrupted; it is safe to run it again");
        }
    }

    /** One call of a parallel round. */
    private interface Call {
        Created run(int i) throws IOException, InterruptedException;
    }

    private static void inParallel(ExecutorService callers, Call call, int n, List<Created> results)
            throws IOException, InterruptedException {
        List<Future<Created>> calls = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            int number = i;
            calls.add(callers.submit(() -> call.run(number)));
        }
        Throwable failure = null;
        for (Future<Created> one : calls) {
            try {
                results.add(one.get());
            } catch (ExecutionException e) {
                failure = e.getCause();
            }
        }
        if (failure instanceof IOException io) {
            throw io;
        } else if (failure instanceof RuntimeException other) {
            throw other;
        } else if (failure != null) {
            throw new IOException(failure);
        }
    }

    /** Every other conversation is started, and the rest come to be by a first message under an id that is brought. */
    private Created create(int i) throws IOException, InterruptedException {
        String path = i % 2 == 0 ? "start" : "smoke-" + UUID.randomUUID() + "/message";
        String body = i % 2 == 0 ? "{}" : "{\"content\": \"smoke\"}";
        HttpResponse<String> answer =
                send(request(path).header("Content-Type", "application/json").POST(BodyPublishers.ofString(body)));
        if (answer.statusCode() != 201) {
            throw new Unexpected("POST " + answer.uri() + " answered " + answer.statusCode() + ": " + answer.body());
        }
        JsonNode created = json.readTree(answer.body());
        return new Created(
                created.path("conversationId").asText(),
                created.path("sessionId").asText());
    }

    private int check(List<Created> created) {
        Set<String> sessions = new HashSet<>();
        for (Created one : created) {
            if (one.sessionId().isBlank()) {
                return say(ExitCode.BROKEN, "Conversation " + one.conversationId() + " has no sessionId");
            }
            if (!sessions.add(one.sessionId())) {
                return say(ExitCode.BROKEN, "The sessionId " + one.sessionId() + " was given twice");
            }
        }
        return say(ExitCode.HOLDS, created.size() + " conversations were created, each with a sessionId of its own");
    }

    private int refusesANull() {
        if (connectionString.isEmpty()) {
            return ExitCode.HOLDS;
        }
        try (MongoClient client = MongoClients.create(connectionString.get())) {
            MongoCollection<Document> conversations =
                    client.getDatabase(databaseName).getCollection(ConversationFields.COLLECTION);
            Document broken = new Document(ConversationFields.CONVERSATION_ID, "smoke-" + UUID.randomUUID());
            try {
                conversations.insertOne(broken);
            } catch (MongoWriteException e) {
                int code = e.getError().getCode();
                return say(
                        code == FAILED_VALIDATION ? ExitCode.HOLDS : ExitCode.BROKEN,
                        "The database refused a conversation without a sessionId, code " + code);
            }
            conversations.deleteOne(new Document("_id", broken.get("_id")));
            return say(
                    ExitCode.BROKEN,
                    "The database took a conversation without a sessionId: start the service with"
                            + " conversations.integrity.validator=enforce on a server that has validators");
        } catch (MongoException e) {
            return say(ExitCode.UNREACHABLE, "The database of MONGODB_URI could not be reached: " + e.getMessage());
        }
    }

    /** Whether everything that was created is deleted again. */
    private boolean cleanUp(ExecutorService callers, List<Created> created) {
        try {
            inParallel(callers, i -> delete(created.get(i)), created.size(), new ArrayList<>());
            return true;
        } catch (IOException | Unexpected e) {
            say(ExitCode.FAILED, "Conversations that were created were not all deleted: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return false;
    }

    private Created delete(Created one) throws IOException, InterruptedException {
        HttpResponse<String> answer = send(request(one.conversationId()).DELETE());
        if (answer.statusCode() != 204) {
            throw new Unexpected("DELETE " + answer.uri() + " answered " + answer.statusCode());
        }
        return one;
    }

    private HttpRequest.Builder request(String path) {
        String base = url.toString().replaceAll("/+$", "");
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + "/api/conversation/" + path))
                .timeout(TIMEOUT);
        token.ifPresent(value -> request.header("Authorization", "Bearer " + value));
        return request;
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return http.send(request.build(), BodyHandlers.ofString());
    }

    private int say(int code, String message) {
        (code == ExitCode.HOLDS
                        ? spec.commandLine().getOut()
                        : spec.commandLine().getErr())
                .println(message);
        return code;
    }
}
