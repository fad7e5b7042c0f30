package consulting.lmx.conversation.cli;

import com.mongodb.MongoException;
import com.mongodb.MongoWriteException;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.store.ConversationFields;
import io.smallrye.mutiny.CompositeException;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import org.bson.Document;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code smoke}: tests a running service from outside. */
@Command(
        name = "smoke",
        mixinStandardHelpOptions = true,
        description =
                "Creates conversations with and without ids in parallel against a running service, checks that every"
                        + " sessionId is present and unique, and deletes the conversations again.",
        footer = {
            "",
            "If MONGODB_URI is set, it also tries to insert a conversation without a sessionId past the service, which the"
                    + " database must reject.",
            "Exit codes: 0 all checks passed, 1 a check failed, 2 wrong usage, 3 the service could not be reached, 4 a failure"
                    + " halfway (safe to run again)."
        })
public class SmokeCommand implements Callable<Integer> {

    private static final int CONVERSATIONS = 200;
    private static final int PARALLEL = 16;

    /** The validator's answer. A unique index rejects a document without a key only if there is another one. */
    private static final int FAILED_VALIDATION = 121;

    private static final Duration TIMEOUT = Duration.ofSeconds(20);

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
            description = "The address of the service, for example http://localhost:8080.")
    URI url;

    @Option(
            names = "--token",
            paramLabel = "T",
            description = "A token that the service accepts; required unless the service has a dev user.")
    Optional<String> token;

    SmokeCommand(
            @ConfigProperty(name = "quarkus.mongodb.connection-string") Optional<String> connectionString,
            @ConfigProperty(name = "quarkus.mongodb.database") String databaseName) {
        this.connectionString = connectionString;
        this.databaseName = databaseName;
    }

    /** The ids of a created conversation. */
    private record Created(String conversationId, String sessionId) {}

    /** The command ends with this exit code and message. */
    private static final class Failed extends RuntimeException {
        private final int code;

        Failed(int code, String message) {
            super(message);
            this.code = code;
        }
    }

    @Override
    public Integer call() {
        CommandLine command = spec.commandLine();
        if (url.getHost() == null || !List.of("http", "https").contains(url.getScheme())) {
            throw new CommandLine.ParameterException(command, "--url is not an http address: " + url);
        }
        List<Created> created = new ArrayList<>();
        int code = ExitCode.HOLDS;
        try {
            inParallel(CONVERSATIONS, this::create, created);
            requireUnique(created);
            command.getOut().println(created.size() + " conversations were created, each with a unique sessionId");
            if (connectionString.isPresent()) {
                command.getOut().println(requireRefusal(connectionString.get()));
            }
        } catch (Failed failure) {
            command.getErr().println(failure.getMessage());
            code = failure.code;
        }
        try {
            inParallel(created.size(), i -> delete(created.get(i)), new ArrayList<>());
            return code;
        } catch (Failed failure) {
            command.getErr().println("Not all created conversations were deleted: " + failure.getMessage());
            return code == ExitCode.HOLDS ? ExitCode.FAILED : code;
        }
    }

    /** Adds the results of all successful calls to {@code results}, then throws if one failed. */
    private void inParallel(int n, IntFunction<Uni<Created>> call, List<Created> results) {
        Multi.createFrom()
                .range(0, n)
                .onItem()
                .transformToUni(call::apply)
                .collectFailures()
                .merge(PARALLEL)
                .invoke(results::add)
                .onFailure(CompositeException.class)
                .transform(all -> ((CompositeException) all).getCauses().get(0))
                .onFailure(failure -> !(failure instanceof Failed))
                .transform(failure -> new Failed(ExitCode.UNREACHABLE, url + " could not be reached: " + failure))
                .collect()
                .last()
                .await()
                .indefinitely();
    }

    /** Starts every other conversation; the rest are created by a first message to a new id. */
    private Uni<Created> create(int i) {
        String path = i % 2 == 0 ? "start" : "smoke-" + UUID.randomUUID() + "/message";
        String body = i % 2 == 0 ? "{}" : "{\"content\": \"smoke\"}";
        return send(request(path).header("Content-Type", "application/json").POST(BodyPublishers.ofString(body)), 201)
                .map(JsonObject::new)
                .map(created ->
                        new Created(created.getString("conversationId", ""), created.getString("sessionId", "")));
    }

    private Uni<Created> delete(Created one) {
        return send(request(one.conversationId()).DELETE(), 204).replaceWith(one);
    }

    private static void requireUnique(List<Created> created) {
        Set<String> sessions = created.stream()
                .map(Created::sessionId)
                .filter(session -> session != null && !session.isBlank())
                .collect(Collectors.toSet());
        if (sessions.size() < created.size()) {
            throw new Failed(
                    ExitCode.BROKEN, created.size() + " conversations have only " + sessions.size() + " sessionIds");
        }
    }

    private String requireRefusal(String uri) {
        Document broken = new Document(ConversationFields.CONVERSATION_ID, "smoke-" + UUID.randomUUID());
        try (MongoClient client = MongoClients.create(uri)) {
            MongoCollection<Document> conversations =
                    client.getDatabase(databaseName).getCollection(ConversationFields.COLLECTION);
            conversations.insertOne(broken);
            conversations.deleteOne(new Document("_id", broken.get("_id")));
        } catch (MongoWriteException e) {
            String refused = "The database rejected a conversation without a sessionId, code "
                    + e.getError().getCode();
            if (e.getError().getCode() != FAILED_VALIDATION) {
                throw new Failed(ExitCode.BROKEN, refused);
            }
            return refused;
        } catch (MongoException e) {
            if (DriverFailure.isDenied(e)) {
                throw new Failed(
                        ExitCode.FAILED,
                        "The user of MONGODB_URI may not insert into conversations, so it is not known whether the database"
                                + " rejects a conversation without a sessionId: use another user, or unset MONGODB_URI");
            }
            throw new Failed(
                    ExitCode.UNREACHABLE, "The database of MONGODB_URI could not be reached: " + e.getMessage());
        }
        throw new Failed(
                ExitCode.BROKEN,
                "The database accepted a conversation without a sessionId: start the service with"
                        + " conversations.integrity.validator=enforce on a server that has validators");
    }

    private HttpRequest.Builder request(String path) {
        String base = url.toString().replaceAll("/+$", "");
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + "/api/conversation/" + path))
                .timeout(TIMEOUT);
        token.ifPresent(value -> request.header("Authorization", "Bearer " + value));
        return request;
    }

    /** The body of the response. Fails if that has another status than {@code expected}. */
    private Uni<String> send(HttpRequest.Builder builder, int expected) {
        HttpRequest request = builder.build();
        return Uni.createFrom()
                .completionStage(() -> http.sendAsync(request, BodyHandlers.ofString()))
                .map(answer -> {
                    if (answer.statusCode() != expected) {
                        throw new Failed(
                                ExitCode.BROKEN,
                                request.method() + " " + request.uri() + " answered " + answer.statusCode() + ": "
                                        + answer.body());
                    }
                    return answer.body();
                });
    }
}
