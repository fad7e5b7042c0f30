package consulting.lmx.conversation.mongo;

import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.ConnectionString;
import com.mongodb.MongoClientSettings;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.testsupport.Certificates;
import consulting.lmx.conversation.testsupport.MongodProcess;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.Service.Ended;
import consulting.lmx.conversation.testsupport.Tokens;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.bson.Document;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A server with TLS and authentication, with the settings of docs/operations.md. */
class SecuredConnectionIT {

    private static final String DATABASE = "lmx-consulting";
    private static final String CLIENT = "CN=conversation-service,O=clients";
    private static final String BY_CERTIFICATE = "authMechanism=MONGODB-X509&authSource=$external";

    @TempDir
    static Path folder;

    private static Certificates certificates;
    private static MongodProcess.Running server;

    @BeforeAll
    static void startServer() throws Exception {
        Assumptions.assumeTrue(MongodProcess.knows("--tlsMode"), "no mongod with TLS on the PATH");
        certificates = new Certificates(folder);
        certificates.certify("server", "/O=servers/CN=mongod", "subjectAltName=IP:127.0.0.1");
        certificates.certify("client", "/O=clients/CN=conversation-service", "extendedKeyUsage=clientAuth");
        server = MongodProcess.startAlone(
                        "--auth",
                        "--tlsMode",
                        "requireTLS",
                        "--tlsAllowConnectionsWithoutCertificates",
                        "--tlsCertificateKeyFile",
                        certificates.file("server.pem"),
                        "--tlsCAFile",
                        certificates.file("ca.crt"))
                .orElseThrow();
        try (MongoClient first = client(server.uri())) {
            first.getDatabase("admin").runCommand(Document.parse("{createUser: 'root', pwd: 'root', roles: ['root']}"));
        }
        try (MongoClient root = client(uri("root:root@", "authSource=admin"))) {
            root.getDatabase(DATABASE)
                    .runCommand(Document.parse("{createUser: 'scram', pwd: 'secret', roles: ['dbOwner'],"
                            + " mechanisms: ['SCRAM-SHA-256']}"));
            root.getDatabase("$external")
                    .runCommand(new Document("createUser", CLIENT)
                            .append("roles", List.of(new Document("role", "dbOwner").append("db", DATABASE))));
        }
    }

    @AfterAll
    static void stopServer() {
        if (server != null) {
            server.close();
        }
    }

    private static MongoClient client(String uri) throws Exception {
        var trust = certificates.trust();
        return MongoClients.create(MongoClientSettings.builder()
                .applyConnectionString(new ConnectionString(uri))
                .applyToSslSettings(ssl -> ssl.enabled(true).context(trust))
                .build());
    }

    private static String uri(String user, String options) {
        return server.uri().replace("//", "//" + user) + "?" + options;
    }

    /** Settings with the certificate authority, and with a client certificate if {@code certified}. */
    private static Map<String, String> settings(String user, String options, boolean trusting, boolean certified) {
        Map<String, String> settings = new HashMap<>(Service.settings(DATABASE));
        settings.put("MONGODB_URI", uri(user, "tls=true&" + options));
        if (trusting || certified) {
            settings.put("QUARKUS_MONGODB_TLS_CONFIGURATION_NAME", "mongodb");
        }
        if (trusting) {
            settings.put("QUARKUS_TLS_MONGODB_TRUST_STORE_PEM_CERTS", certificates.file("ca.crt"));
        }
        if (certified) {
            settings.put("QUARKUS_TLS_MONGODB_KEY_STORE_PEM_CLIENT_CERT", certificates.file("client.crt"));
            settings.put("QUARKUS_TLS_MONGODB_KEY_STORE_PEM_CLIENT_KEY", certificates.file("client.key"));
        }
        return settings;
    }

    @ParameterizedTest
    @CsvSource({
        "scram:secret@, authSource=" + DATABASE + "&authMechanism=SCRAM-SHA-256, false",
        "'', " + BY_CERTIFICATE + ", true"
    })
    void servesByPasswordAndByCertificate(String user, String options, boolean certified) throws Exception {
        try (Service service = Service.start(settings(user, options, true, certified))) {
            service.awaitReady();
            assertThat(service.post("/api/conversation/start", "{}", "Authorization", "Bearer " + Tokens.of("ann"))
                            .statusCode())
                    .isEqualTo(201);
        }
    }

    @Test
    void trustStoreOfTheJvmIsUsed() throws Exception {
        Path store = folder.resolve("trust.p12");
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-importcert",
                        "-noprompt",
                        "-file",
                        certificates.file("ca.crt"),
                        "-keystore",
                        store.toString(),
                        "-storepass",
                        "changeit")
                .redirectErrorStream(true)
                .start();
        String said = new String(keytool.getInputStream().readAllBytes());
        assertThat(keytool.waitFor()).as(said).isZero();
        Map<String, String> settings = settings("scram:secret@", "authSource=" + DATABASE, false, false);
        settings.put(
                "JAVA_TOOL_OPTIONS",
                "-Djavax.net.ssl.trustStore=" + store + " -Djavax.net.ssl.trustStorePassword=changeit");
        Ended ended = Service.run(folder, "", settings, "heal");
        assertThat(ended.code()).as(ended.err()).isZero();
    }

    @Test
    void unknownCertificateAuthorityIsRejectedWithARemedy() throws Exception {
        assertRefused(
                settings("scram:secret@", "authSource=" + DATABASE, false, false),
                "unable to find valid certification path");
    }

    @Test
    void wrongHostNameIsRejectedWithARemedy() throws Exception {
        Map<String, String> settings = settings("scram:secret@", "authSource=" + DATABASE, true, false);
        settings.compute("MONGODB_URI", (name, uri) -> uri.replace("127.0.0.1", "localhost"));
        assertRefused(settings, "No name matching localhost found");
    }

    private static void assertRefused(Map<String, String> settings, String reason) throws Exception {
        settings.put("QUARKUS_MONGODB_SERVER_SELECTION_TIMEOUT", "2S");
        try (Service service = Service.start(settings)) {
            service.awaitLive();
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .untilAsserted(() -> assertThat(service.log())
                            .contains("event=integrity-check-failed")
                            .contains(reason)
                            .contains("give the file of its authority"));
            assertThat(service.status("/q/health/ready")).isEqualTo(503);
        }
        Ended ended = Service.run(folder, "", settings, "verify");
        assertThat(ended.code()).isEqualTo(3);
        assertThat(ended.err()).contains(reason).contains("give the file of its authority");
    }

    @Test
    void certificateWithoutAUserIsRejected() throws Exception {
        certificates.certify("stranger", "/O=clients/CN=stranger", "extendedKeyUsage=clientAuth");
        Map<String, String> settings = settings("", BY_CERTIFICATE, true, true);
        settings.put("QUARKUS_TLS_MONGODB_KEY_STORE_PEM_CLIENT_CERT", certificates.file("stranger.crt"));
        settings.put("QUARKUS_TLS_MONGODB_KEY_STORE_PEM_CLIENT_KEY", certificates.file("stranger.key"));
        Ended ended = Service.run(folder, "", settings, "verify");
        assertThat(ended.code()).isEqualTo(3);
        assertThat(ended.err()).contains("Exception authenticating").contains("password or certificate");
    }
}
