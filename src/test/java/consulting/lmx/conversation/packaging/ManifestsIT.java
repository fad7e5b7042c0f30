package consulting.lmx.conversation.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The manifests that packaging makes, and those of the options. */
class ManifestsIT {

    private static final Path MADE = Path.of("target/kubernetes/kubernetes.yml");
    private static final Path OPTIONS = Path.of("src/main/kubernetes/optional");
    private static final Set<String> VOLUMES = Set.of(
            "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret");

    private static List<JsonNode> read(Path file) throws IOException {
        try (var documents = new YAMLMapper().readerFor(JsonNode.class).<JsonNode>readValues(file.toFile())) {
            return documents.readAll();
        }
    }

    private static Map<String, JsonNode> made() throws IOException {
        Map<String, JsonNode> byKind = new TreeMap<>();
        for (JsonNode document : read(MADE)) {
            assertThat(byKind.put(document.path("kind").asText(), document)).isNull();
        }
        return byKind;
    }

    /** The workloads by name: the Deployment that is made, and the Jobs of the options. */
    static Map<String, JsonNode> podsByName() throws IOException {
        Map<String, JsonNode> pods = new TreeMap<>();
        pods.put("Deployment", made().get("Deployment").at("/spec/template/spec"));
        for (String job : List.of("verify", "heal")) {
            pods.put(job, read(OPTIONS.resolve(job + "-job.yml")).get(0).at("/spec/template/spec"));
        }
        return pods;
    }

    static Stream<Map.Entry<String, JsonNode>> pods() throws IOException {
        return podsByName().entrySet().stream();
    }

    private static List<JsonNode> containers(JsonNode pod) {
        List<JsonNode> all = new ArrayList<>();
        for (String kind : List.of("initContainers", "containers", "ephemeralContainers")) {
            pod.path(kind).forEach(all::add);
        }
        return all;
    }

    /** What the profile {@code restricted} of the Pod Security Standards asks for, in its own words. */
    @ParameterizedTest
    @MethodSource("pods")
    void podIsRestricted(Map.Entry<String, JsonNode> named) {
        JsonNode pod = named.getValue();
        for (String shared : List.of("hostNetwork", "hostPID", "hostIPC")) {
            assertThat(pod.path(shared).asBoolean(false)).as(shared).isFalse();
        }
        pod.path("volumes")
                .forEach(volume -> volume.fieldNames()
                        .forEachRemaining(field -> assertThat(field.equals("name") || VOLUMES.contains(field))
                                .as(field)
                                .isTrue()));
        JsonNode context = pod.path("securityContext");
        assertThat(context.has("sysctls") || context.has("seLinuxOptions") || context.has("windowsOptions"))
                .isFalse();
        assertThat(containers(pod)).isNotEmpty().allSatisfy(container -> {
            JsonNode own = container.path("securityContext");
            assertThat(own.path("privileged").asBoolean(false)).isFalse();
            assertThat(own.path("allowPrivilegeEscalation").asBoolean(true)).isFalse();
            assertThat(own.at("/capabilities/drop"))
                    .extracting(JsonNode::asText)
                    .containsExactly("ALL");
            assertThat(own.at("/capabilities").has("add")).isFalse();
            assertThat(either(own, context, "/runAsNonRoot").asBoolean(false)).isTrue();
            assertThat(either(own, context, "/runAsUser").asLong(0)).isNotZero();
            assertThat(either(own, context, "/seccompProfile/type").asText()).isEqualTo("RuntimeDefault");
            container
                    .path("ports")
                    .forEach(port -> assertThat(port.has("hostPort")).isFalse());
        });
    }

    private static JsonNode either(JsonNode own, JsonNode ofThePod, String path) {
        return own.at(path).isMissingNode() ? ofThePod.at(path) : own.at(path);
    }

    /** More than the profile asks for. */
    @ParameterizedTest
    @MethodSource("pods")
    void podHasNoTokenNoSecretOfItsOwnAndWritesNowhereButInTmp(Map.Entry<String, JsonNode> named) {
        JsonNode pod = named.getValue();
        assertThat(pod.path("automountServiceAccountToken").asBoolean(true)).isFalse();
        assertThat(containers(pod)).allSatisfy(container -> {
            assertThat(container.at("/securityContext/readOnlyRootFilesystem").asBoolean(false))
                    .isTrue();
            assertThat(container.path("volumeMounts"))
                    .extracting(mount -> mount.path("mountPath").asText())
                    .containsExactly("/tmp");
            assertThat(container.path("env")).isEmpty();
            assertThat(container.at("/envFrom").findValuesAsText("name"))
                    .containsExactlyInAnyOrder("conversation-service", "conversation-service-settings");
            assertThat(container.at("/resources/limits/memory").asText()).isNotEmpty();
            assertThat(container.at("/resources/requests/cpu").asText()).isNotEmpty();
        });
    }

    /** A heal that deletes writes a file there first. */
    @Test
    void healRunsInAFolderThatItCanWriteIn() throws IOException {
        JsonNode container = podsByName().get("heal").at("/containers/0");
        assertThat(container.path("volumeMounts"))
                .extracting(mount -> mount.path("mountPath").asText())
                .contains(container.path("workingDir").asText());
    }

    @Test
    void jobsRunTheImageOfTheDeployment() throws IOException {
        assertThat(podsByName().values())
                .extracting(pod -> pod.at("/containers/0/image").asText())
                .containsOnly("docker.io/lmx-consulting/conversation-service:"
                        + made().get("Deployment")
                                .at("/spec/template/spec/containers/0/image")
                                .asText()
                                .split(":")[1]);
    }

    @Test
    void allThatADeploymentNeedsIsInOneFile() throws IOException {
        assertThat(made().keySet())
                .containsExactlyInAnyOrder(
                        "ConfigMap",
                        "Deployment",
                        "HorizontalPodAutoscaler",
                        "NetworkPolicy",
                        "PodDisruptionBudget",
                        "Service",
                        "ServiceAccount");
        JsonNode pods = made().get("Deployment").at("/spec/template/metadata/labels");
        for (String selector : List.of(
                "Deployment/spec/selector/matchLabels",
                "Service/spec/selector",
                "PodDisruptionBudget/spec/selector/matchLabels",
                "NetworkPolicy/spec/podSelector/matchLabels")) {
            String kind = selector.substring(0, selector.indexOf('/'));
            JsonNode labels = made().get(kind).at(selector.substring(kind.length()));
            assertThat(labels).as(selector).isNotEmpty();
            labels.properties()
                    .forEach(label -> assertThat(pods.path(label.getKey())).isEqualTo(label.getValue()));
        }
    }

    @Test
    void probesAskThePathsOfTheService() throws IOException {
        JsonNode container = podsByName().get("Deployment").at("/containers/0");
        assertThat(container.at("/livenessProbe/httpGet/path").asText()).isEqualTo("/q/health/live");
        assertThat(container.at("/readinessProbe/httpGet/path").asText()).isEqualTo("/q/health/ready");
        assertThat(container.at("/startupProbe/httpGet/path").asText()).isEqualTo("/q/health/started");
        int port = container.at("/ports/0/containerPort").asInt();
        assertThat(StreamSupport.stream(made().get("Service").at("/spec/ports").spliterator(), false))
                .extracting(exposed -> exposed.path("targetPort").asInt())
                .containsExactly(port);
    }

    @Test
    void graceOutlastsTheWayOut() throws IOException {
        Properties settings = new Properties();
        try (Reader reader = Files.newBufferedReader(Path.of("src/main/resources/application.properties"))) {
            settings.load(reader);
        }
        JsonNode pod = podsByName().get("Deployment");
        long wayOut = pod.at("/containers/0/lifecycle/preStop/sleep/seconds").asLong()
                + Duration.parse("PT" + settings.getProperty("quarkus.shutdown.delay"))
                        .toSeconds()
                + Duration.parse("PT" + settings.getProperty("quarkus.shutdown.timeout"))
                        .toSeconds();
        assertThat(pod.path("terminationGracePeriodSeconds").asLong()).isGreaterThan(wayOut + 1);
    }
}
