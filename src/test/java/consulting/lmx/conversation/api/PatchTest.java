package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.testsupport.Calls.as;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.nullValue;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("slow")
@QuarkusTest
class PatchTest {

    private String path;

    @BeforeEach
    void start() {
        path = "/api/conversation/"
                + as("ann")
                        .contentType("application/json")
                        .body("{\"title\": \"first\", \"metadata\": {\"a\": 1, \"deep\": {\"x\": 1, \"y\": 2}}}")
                        .post("/api/conversation/start")
                        .path("conversationId");
    }

    private Response patch(String body) {
        return as("ann").contentType("application/merge-patch+json").body(body).patch(path);
    }

    private String tag() {
        return as("ann").get(path).header("ETag");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{}                                       | first  | {\"a\":1,\"deep\":{\"x\":1,\"y\":2}}",
                "{\"title\": \"second\"}                  | second | {\"a\":1,\"deep\":{\"x\":1,\"y\":2}}",
                "{\"title\": null}                        |        | {\"a\":1,\"deep\":{\"x\":1,\"y\":2}}",
                "{\"metadata\": null}                     | first  |",
                "{\"metadata\": {\"a\": null}}            | first  | {\"deep\":{\"x\":1,\"y\":2}}",
                "{\"metadata\": {\"b\": [1, null]}}       | first  | {\"a\":1,\"deep\":{\"x\":1,\"y\":2},\"b\":[1,null]}",
                "{\"metadata\": {\"deep\": {\"x\": null, \"z\": 3}}} | first | {\"a\":1,\"deep\":{\"y\":2,\"z\":3}}",
                "{\"metadata\": {\"deep\": 5}}            | first  | {\"a\":1,\"deep\":5}",
                "{\"metadata\": {\"a\": {\"n\": null, \"m\": 1}}}   | first  | {\"a\":{\"m\":1},\"deep\":{\"x\":1,\"y\":2}}"
            })
    void patchMerges(String body, String title, String metadata) {
        patch(body).then().statusCode(200).body("title", equalTo(title));
        String answer = as("ann").get(path).asString().replace(" ", "");
        if (metadata == null) {
            assertThat(answer).doesNotContain("\"metadata\"");
        } else {
            assertThat(answer).contains("\"metadata\":" + metadata);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[]",
                "null",
                "{\"title\": 5}",
                "{\"title\": \" \"}",
                "{\"metadata\": []}",
                "{\"metadata\": \"x\"}",
                "{\"metadata\": {\"$set\": 1}}",
                "{\"sessionId\": null}",
                "{\"userId\": \"bob\"}",
                "{\"messages\": []}",
                "{\"metadata\": {\"a\": {\"b\": {\"c\": {\"d\": {}}}}}}",
                "{\"archived\": \"true\"}",
                "{\"archived\": 1}",
                "{\"archived\": {\"$ne\": 1}}"
            })
    void badPatchIsRefusedAndChangesNothing(String body) {
        String before = tag();
        patch(body).then().statusCode(400).contentType("application/problem+json");
        assertThat(tag()).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({"true, true", "false, false", "null, false"})
    void conversationIsArchivedAndBack(String value, boolean archived) {
        as("ann").get(path).then().body("archived", equalTo(false));
        patch("{\"archived\": true}").then().statusCode(200).body("archived", equalTo(true));
        String seen = tag();
        patch("{\"archived\": " + value + "}").then().statusCode(200).body("archived", equalTo(archived));
        as("ann").get(path).then().body("archived", equalTo(archived)).body("title", equalTo("first"));
        if (!archived) {
            assertThat(tag()).isNotEqualTo(seen);
        }
    }

    @Test
    void plainJsonIsTakenAsAPatchToo() {
        as("ann")
                .contentType("application/json")
                .body("{\"title\": \"x\"}")
                .patch(path)
                .then()
                .statusCode(200)
                .body("title", equalTo("x"));
        as("ann")
                .contentType("text/plain")
                .body("{\"title\": \"x\"}")
                .patch(path)
                .then()
                .statusCode(415);
    }

    @Test
    void strangerChangesNothing() {
        String before = tag();
        as("bob")
                .contentType("application/json")
                .body("{\"title\": \"mine\"}")
                .patch(path)
                .then()
                .statusCode(404);
        assertThat(tag()).isEqualTo(before);
    }

    @Test
    void patchIsRefusedWhereTheConversationChangedSinceItWasRead() {
        String seen = tag();
        as("ann")
                .contentType("application/json")
                .body("{\"content\": \"hi\"}")
                .post(path + "/message")
                .then()
                .statusCode(200);
        as("ann")
                .contentType("application/json")
                .header("If-Match", seen)
                .body("{\"title\": \"late\"}")
                .patch(path)
                .then()
                .statusCode(412)
                .contentType("application/problem+json");
        as("ann")
                .contentType("application/json")
                .header("If-Match", tag())
                .body("{\"title\": \"now\"}")
                .patch(path)
                .then()
                .statusCode(200)
                .header("ETag", equalTo(tag()));
        as("ann")
                .contentType("application/json")
                .header("If-Match", "*")
                .body("{\"title\": \"any\"}")
                .patch(path)
                .then()
                .statusCode(200);
    }

    @Test
    void whatTheCallerHasIsNotSentAgain() {
        String seen = tag();
        as("ann").header("If-None-Match", seen).get(path).then().statusCode(304).header("ETag", equalTo(seen));
        patch("{\"title\": null}").then().body("title", nullValue());
        as("ann").header("If-None-Match", seen).get(path).then().statusCode(200);
    }

    @Test
    void parallelPatchesAreAllKept() throws Exception {
        ExecutorService callers = Executors.newFixedThreadPool(3);
        try {
            List<Future<Response>> calls = IntStream.range(0, 9)
                    .mapToObj(i -> callers.submit(() -> patch("{\"metadata\": {\"k" + i + "\": " + i + "}}")))
                    .toList();
            for (int i = 0; i < calls.size(); i++) {
                int status = calls.get(i).get().statusCode();
                assertThat(status).isIn(200, 409);
                if (status == 200) {
                    as("ann").get(path).then().body("metadata.k" + i, equalTo(i));
                }
            }
        } finally {
            callers.shutdown();
        }
    }

    @Test
    void titleIsChangedWhileOthersAppend() throws Exception {
        ExecutorService callers = Executors.newFixedThreadPool(4);
        AtomicBoolean enough = new AtomicBoolean();
        try {
            List<Future<?>> appenders = IntStream.range(0, 4)
                    .<Future<?>>mapToObj(i -> callers.submit(() -> {
                        while (!enough.get()) {
                            as("ann")
                                    .contentType("application/json")
                                    .body("{\"content\": \"hi\"}")
                                    .post(path + "/message")
                                    .then()
                                    .statusCode(200);
                        }
                    }))
                    .toList();
            for (int i = 0; i < 50; i++) {
                patch("{\"title\": \"t" + i + "\", \"metadata\": {\"n" + i % 8 + "\": " + i + "}}")
                        .then()
                        .statusCode(200)
                        .body("title", equalTo("t" + i));
            }
            enough.set(true);
            for (Future<?> appender : appenders) {
                appender.get();
            }
        } finally {
            callers.shutdownNow();
        }
    }
}
