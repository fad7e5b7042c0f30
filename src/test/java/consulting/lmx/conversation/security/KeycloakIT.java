package consulting.lmx.conversation.security;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.testsupport.MongodProcess;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import io.restassured.path.json.JsonPath;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The packaged jar with tokens of a real Keycloak, if there is one in {@code target/keycloak} (CONTRIBUTING.md). The realm in {@code
 * src/test/resources/keycloak.json} has keys for RS256, for ES256 and for encryption, and a client for each algorithm.
 */
class KeycloakIT {

    private static final Path FOLDER = Path.of("target", "keycloak");
    private static final String DATABASE = TestServer.newDatabase();

    private static String keycloak;
    private static Process process;
    private static Service service;

    @BeforeAll
    static void start() throws IOException {
        Optional<Path> unpacked = unpacked();
        Assumptions.assumeTrue(
                unpacked.isPresent(),
                "there is no Keycloak in target/keycloak: CONTRIBUTING.md has the command that unpacks it");
        Path home = unpacked.get();
        Path realms = Files.createDirectories(home.resolve("data/import"));
        Files.writeString(realms.resolve("chat.json"), Files.readString(Path.of("src/test/resources/keycloak.json")));
        int port = MongodProcess.freePort();
        ProcessBuilder builder = new ProcessBuilder(
                        "bash",
                        home.resolve("bin/kc.sh").toString(),
                        "start-dev",
                        "--db=dev-mem",
                        "--cache=local",
                        "--import-realm",
                        "--http-host=127.0.0.1",
                        "--http-port=" + port)
                .redirectErrorStream(true)
                .redirectOutput(FOLDER.resolve("log").toFile());
        builder.environment()
                .putAll(Map.of(
                        "JAVA_HOME", System.getProperty("java.home"),
                        "JAVA_OPTS_KC_HEAP", "-Xmx512m",
                        "JAVA_OPTS_APPEND", "-XX:TieredStopAtLevel=1",
                        "KC_BOOTSTRAP_ADMIN_USERNAME", "root",
                        "KC_BOOTSTRAP_ADMIN_PASSWORD", "root"));
        process = builder.start();
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
        keycloak = "http://127.0.0.1:" + port;

        Map<String, String> settings = new HashMap<>(Service.settings(DATABASE));
        settings.remove("AUTH_SECRET");
        settings.put("AUTH_JWKS_URL", keycloak + "/realms/chat/protocol/openid-connect/certs");
        settings.put("AUTH_ISSUER", keycloak + "/realms/chat");
        settings.put("AUTH_AUDIENCE", "conversation-service");
        settings.put("AUTH_ROLES_CLAIM", "realm_access.roles");
        settings.put("CONVERSATIONS_AUTH_JWKS_REFRESH", "2S");
        await("Keycloak serves its keys")
                .atMost(Duration.ofMinutes(3))
                .ignoreExceptions()
                .until(() -> given().get(settings.get("AUTH_JWKS_URL")).statusCode() == 200);
        service = Service.start(settings).awaitReady();
    }

    private static Optional<Path> unpacked() throws IOException {
        if (!Files.isDirectory(FOLDER)) {
            return Optional.empty();
        }
        try (Stream<Path> folders = Files.list(FOLDER)) {
            return folders.filter(Files::isDirectory).findFirst();
        }
    }

    @AfterAll
    static void stop() {
        if (process == null) {
            return; // skipped
        }
        service.close();
        process.destroy();
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            client.getDatabase(DATABASE).drop();
        }
    }

    private static JsonPath signIn(String realm, String client, String user) {
        return given().formParams(
                        "grant_type",
                        "password",
                        "client_id",
                        client,
                        "username",
                        user,
                        "password",
                        user,
                        "scope",
                        "openid")
                .post(keycloak + "/realms/" + realm + "/protocol/openid-connect/token")
                .then()
                .statusCode(200)
                .extract()
                .jsonPath();
    }

    private static String token(String client, String user) {
        return signIn("chat", client, user).getString("access_token");
    }

    private static String header(String token, String name) {
        byte[] json = Base64.getUrlDecoder().decode(token.substring(0, token.indexOf('.')));
        return JsonPath.from(new String(json, StandardCharsets.UTF_8)).getString(name);
    }

    private static int status(String path, String token) throws Exception {
        return service.get(path, "Authorization", "Bearer " + token).statusCode();
    }

    private static int status(String token) throws Exception {
        return status("/api/conversation", token);
    }

    @ParameterizedTest
    @ValueSource(strings = {"RS256", "ES256"})
    void tokensAreAccepted(String algorithm) throws Exception {
        String token = token(algorithm, "bob");
        assertThat(header(token, "alg")).isEqualTo(algorithm);
        assertThat(status(token)).isEqualTo(200);
        assertThat(status(token.substring(0, token.length() - 8) + "AAAAAAAA")).isEqualTo(401);
    }

    @Test
    void realmRoleGrantsAdmin() throws Exception {
        assertThat(status("/api/admin/integrity", token("RS256", "ann"))).isEqualTo(200);
        assertThat(status("/api/admin/integrity", token("RS256", "bob"))).isEqualTo(403);
    }

    @Test
    void tokensForOthersAreRejected() throws Exception {
        assertThat(status(token("other-audience", "bob"))).isEqualTo(401);
        JsonPath signedIn = signIn("chat", "RS256", "bob");
        assertThat(status(signedIn.getString("id_token"))).isEqualTo(401);
        assertThat(status(signedIn.getString("refresh_token"))).isEqualTo(401);
        assertThat(status(signIn("master", "admin-cli", "root").getString("access_token")))
                .isEqualTo(401);
    }

    @Test
    void keyForEncryptionIsIgnored() throws Exception {
        assertThat(given().get(keycloak + "/realms/chat/protocol/openid-connect/certs")
                        .jsonPath()
                        .getList("keys.use"))
                .contains("enc");
        assertThat(service.log()).contains("event=keys-read usable=2");
    }

    @Test
    void keysRotateWithoutARestart() throws Exception {
        String old = token("RS256", "bob");
        RequestSpecification admin = given().auth()
                .oauth2(signIn("master", "admin-cli", "root").getString("access_token"))
                .baseUri(keycloak)
                .basePath("/admin/realms/chat");
        String realm = given(admin).get().jsonPath().getString("id");
        given(admin)
                .contentType("application/json")
                .body(Map.of(
                        "name", "next",
                        "parentId", realm,
                        "providerId", "rsa-generated",
                        "providerType", "org.keycloak.keys.KeyProvider",
                        "config", Map.of("priority", List.of("200"), "algorithm", List.of("RS256"))))
                .post("/components")
                .then()
                .statusCode(201);

        String young = token("RS256", "bob");
        assertThat(header(young, "kid")).isNotEqualTo(header(old, "kid"));
        await().atMost(Duration.ofSeconds(20)).until(() -> status(young) == 200);
        assertThat(status(old)).isEqualTo(200);

        String withdrawn = given(admin)
                .queryParam("name", "rsa")
                .get("/components")
                .jsonPath()
                .getString("[0].id");
        given(admin).delete("/components/" + withdrawn).then().statusCode(204);
        await().atMost(Duration.ofSeconds(20)).until(() -> status(old) == 401);
        assertThat(status(young)).isEqualTo(200);
    }
}
