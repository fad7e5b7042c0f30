package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.testsupport.Browser;
import consulting.lmx.conversation.testsupport.Certificates;
import consulting.lmx.conversation.testsupport.EventClient;
import consulting.lmx.conversation.testsupport.MongodProcess;
import consulting.lmx.conversation.testsupport.Programs;
import consulting.lmx.conversation.testsupport.RawHttp;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.junit.jupiter.params.provider.ValueSource;

/** The packaged jar behind a real nginx, which speaks TLS and HTTP/2, with the configuration of docs/operations.md. */
class ProxyIT {

    private static final String TRUSTED = "127.0.0.2";
    private static final String FRONTEND = "https://chat.example";
    private static final String[] FORGED = {
        "X-Forwarded-Proto",
        "ftp",
        "X-Forwarded-Host",
        "evil.example",
        "X-Forwarded-Port",
        "99",
        "X-Forwarded-Ssl",
        "on",
        "Forwarded",
        "proto=ftp;host=evil.example"
    };

    /** Which headers of the proxy the service follows. */
    private enum Follows {
        NONE(Map.of()),
        X_FORWARDED(Map.of()),
        FORWARDED(Map.of("QUARKUS_HTTP_PROXY_ALLOW_FORWARDED", "true", "ALLOWED_ORIGINS", FRONTEND));

        private final Map<String, String> settings = new HashMap<>();

        Follows(Map<String, String> more) {
            settings.putAll(Service.settings(DATABASE));
            if (ordinal() > 0) {
                settings.put("QUARKUS_HTTP_PROXY_PROXY_ADDRESS_FORWARDING", "true");
                settings.put("QUARKUS_HTTP_PROXY_TRUSTED_PROXIES", TRUSTED);
            }
            settings.putAll(more);
        }
    }

    private static final String DATABASE = TestServer.newDatabase();
    private static final String BEARER = "Bearer " + Tokens.of("ann");
    private static final String COOKIE = "auth-token=" + Tokens.of("ann");

    @TempDir
    static Path folder;

    private static final Map<Follows, Service> services = new EnumMap<>(Follows.class);
    private static final Map<Follows, String> outside = new EnumMap<>(Follows.class);
    private static HttpClient http;
    private static Process nginx;

    @BeforeAll
    static void start() throws Exception {
        Certificates certificates = new Certificates(folder);
        certificates.certify("chat", "/CN=proxy", "subjectAltName=IP:127.0.0.1");
        http = HttpClient.newBuilder().sslContext(certificates.trust()).build();
        StringBuilder servers = new StringBuilder();
        for (Follows follows : Follows.values()) {
            int port = MongodProcess.freePort();
            Service service = Service.start(follows.settings);
            services.put(follows, service);
            outside.put(follows, "https://127.0.0.1:" + port);
            servers.append(server(follows, port, service.uri("").toString()));
        }
        Files.writeString(folder.resolve("nginx.conf"), """
                daemon off;
                user %s;
                pid nginx.pid;
                error_log stderr;
                events {}
                http {
                  access_log off;
                  %s
                }
                """.formatted(System.getProperty("user.name"), servers));
        nginx = Programs.start(folder, "nginx", "-p", folder.toString(), "-c", "nginx.conf", "-e", "stderr");
        services.values().forEach(Service::awaitReady);
        for (String address : outside.values()) {
            await(address + " listens")
                    .atMost(Duration.ofSeconds(20))
                    .ignoreExceptions()
                    .until(() -> {
                        new Socket("127.0.0.1", URI.create(address).getPort()).close();
                        return true;
                    });
        }
    }

    /** The documented configuration with addresses and files of this test. */
    private static String server(Follows follows, int port, String service) throws Exception {
        String page = Files.readString(Path.of("docs/operations.md"));
        String server = page.replaceFirst("(?s).*```nginx\n(.*?)```.*", "$1")
                .replace("443", "127.0.0.1:" + port)
                .replace("/etc/nginx", folder.toString())
                .replace("http://127.0.0.1:8080;", service + "; proxy_bind " + TRUSTED + ";");
        if (follows == Follows.FORWARDED) {
            server = server.replaceAll(".*X-Forwarded-.*\n", "")
                    .replace(
                            "proxy_http_version",
                            page.replaceFirst("(?s).*`(proxy_set_header Forwarded .*?)`.*", "$1\nproxy_http_version"));
        }
        return server;
    }

    @AfterAll
    static void stop() {
        services.values().forEach(Service::close);
        if (nginx != null) {
            nginx.destroy();
        }
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            client.getDatabase(DATABASE).drop();
        }
    }

    private static HttpResponse<String> send(String method, String uri, String body, String... headers)
            throws Exception {
        return http.send(
                HttpRequest.newBuilder(URI.create(uri))
                        .timeout(Duration.ofSeconds(20))
                        .headers("Content-Type", "application/json")
                        .headers(headers)
                        .method(method, BodyPublishers.ofString(body))
                        .build(),
                BodyHandlers.ofString());
    }

    private static HttpResponse<String> start(String address, String... headers) throws Exception {
        return send("POST", address + "/api/conversation/start", "{}", headers);
    }

    private static String location(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
        return answer.headers().firstValue("Location").orElseThrow();
    }

    private static String[] withBearer(String... more) {
        String[] all = new String[more.length + 2];
        all[0] = "Authorization";
        all[1] = BEARER;
        System.arraycopy(more, 0, all, 2, more.length);
        return all;
    }

    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "NONE")
    void locationIsTheAddressThatTheClientCalled(Follows follows) throws Exception {
        HttpResponse<String> started = start(outside.get(follows), withBearer());
        assertThat(started.version()).isEqualTo(HttpClient.Version.HTTP_2);
        String conversation = location(started);
        assertThat(conversation).startsWith(outside.get(follows) + "/api/conversation/");
        assertThat(send("POST", conversation + "/message", "{\"content\": \"Hello\"}", withBearer())
                        .statusCode())
                .isEqualTo(200);
        HttpResponse<String> read = send("GET", conversation, "", withBearer());
        assertThat(read.statusCode()).isEqualTo(200);
        assertThat(read.body()).contains("Hello");
    }

    @Test
    void headersAreIgnoredByDefault() throws Exception {
        URI outer = URI.create(outside.get(Follows.NONE));
        assertThat(location(start(outer.toString(), withBearer(FORGED))))
                .startsWith("http://" + outer.getAuthority() + "/");
        String direct = services.get(Follows.NONE).uri("").toString();
        assertThat(location(start(direct, withBearer(FORGED)))).startsWith(direct + "/");
    }

    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "NONE")
    void onlyTheTrustedProxySetsTheAddress(Follows follows) throws Exception {
        String direct = services.get(follows).uri("").toString();
        assertThat(location(start(direct, withBearer(FORGED)))).startsWith(direct + "/");
        assertThat(location(start(outside.get(follows), withBearer(FORGED)))).startsWith(outside.get(follows) + "/");
    }

    @ParameterizedTest
    @EnumSource
    @Timeout(60) // a proxy that buffers withholds the headers too
    void eventsAreNotBuffered(Follows follows) throws Exception {
        String conversation = outside.get(follows)
                + URI.create(location(start(outside.get(follows), withBearer())))
                        .getPath();
        try (EventClient client = EventClient.open(http, URI.create(conversation + "/events"), Tokens.of("ann"))) {
            for (int i = 1; i <= 3; i++) {
                send("POST", conversation + "/message", "{\"content\": \"m" + i + "\"}", withBearer());
                assertThat(client.await(i).get(i - 1).data()).contains("m" + i);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "NONE,        https, 0, 201",
        "NONE,        http,  0, 201",
        "NONE,        https, 1, 403",
        "X_FORWARDED, https, 0, 201",
        "X_FORWARDED, http,  0, 403",
        "X_FORWARDED, https, 1, 403",
        "FORWARDED,   https, 0, 201",
        "FORWARDED,   http,  0, 403",
        "FORWARDED,   https, 1, 403",
    })
    void cookieIsAcceptedFromPagesOfTheOuterAddress(Follows follows, String scheme, int portsAway, int status)
            throws Exception {
        int port = URI.create(outside.get(follows)).getPort() + portsAway;
        String origin = scheme + "://127.0.0.1:" + port;
        assertThat(start(outside.get(follows), "Cookie", COOKIE, "Origin", origin)
                        .statusCode())
                .isEqualTo(status);
    }

    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "NONE")
    void cookieIsRejectedFromForeignPages(Follows follows) throws Exception {
        String address = outside.get(follows);
        assertThat(start(address, "Cookie", COOKIE, "Origin", FRONTEND).statusCode())
                .isEqualTo(follows == Follows.FORWARDED ? 201 : 403);
        assertThat(start(address, "Cookie", COOKIE, "Origin", "https://evil.example")
                        .statusCode())
                .isEqualTo(403);
        for (String site : new String[] {"same-site", "cross-site"}) {
            assertThat(start(address, "Cookie", COOKIE, "Origin", address, "Sec-Fetch-Site", site)
                            .statusCode())
                    .isEqualTo(403);
        }
    }

    /** Quarkus rewrites the header before the service sees it. */
    @ParameterizedTest
    @ValueSource(strings = {"", "Host: a\r\nHost: b\r\n", "Host: a b/c\r\n", "Host: a:x\r\n"})
    void requestWithoutOneValidHostIsRejected(String hosts) throws Exception {
        for (Service service : services.values()) {
            try (RawHttp raw = new RawHttp(service.uri("").getPort())) {
                String request = "GET /q/health/live HTTP/1.1\r\n" + hosts + "Connection: close\r\n\r\n";
                RawHttp.Answer answer =
                        raw.write(request.getBytes(StandardCharsets.US_ASCII)).answer();
                assertThat(answer.status()).isEqualTo(400);
                assertThat(answer.header("Content-Type")).contains("application/problem+json");
            }
        }
    }

    @Test
    void consoleWorksInABrowser() throws Exception {
        URI page = URI.create(outside.get(Follows.X_FORWARDED) + "/");
        try (Browser browser = Browser.start()) {
            browser.openAs(Tokens.of("ann", "admin"), page.resolve("#/integrity"));
            browser.awaitText("main", "VERIFIED");
            assertThat(browser.script(
                            "return fetch('/api/conversation/start', {method: 'POST'}).then((r) => r.status)"))
                    .isEqualTo(201L);
            assertThat(browser.requests()).isNotEmpty().allMatch(url -> url.startsWith(page.toString()));
            assertThat(browser.errors()).isEmpty();
        }
    }
}
