package consulting.lmx.conversation.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import consulting.lmx.conversation.testsupport.Programs;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The Kustomize base, the Jobs, and the example overlay. */
class ManifestsIT {

    private static final Path KUBERNETES = Path.of("src/main/kubernetes");
    private static final Path BASE = KUBERNETES.resolve("base");
    private static final String SERVICE = "conversation-service";
    private static final Set<String> VOLUMES = Set.of(
            "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret");

    private static JsonNode read(Path file) throws IOException {
        return new YAMLMapper().readTree(file.toFile());
    }

    private static List<String> resources() throws IOException {
        List<String> files = new ArrayList<>();
        read(BASE.resolve("kustomization.yml")).path("resources").forEach(file -> files.add(file.asText()));
        return files;
    }

    private static List<JsonNode> rendered(String overlay) throws Exception {
        Process kubectl = new ProcessBuilder(
                        "kubectl", "kustomize", KUBERNETES.resolve(overlay).toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        List<JsonNode> rendered;
        try (var documents =
                new YAMLMapper().readerFor(JsonNode.class).<JsonNode>readValues(kubectl.getInputStream())) {
            rendered = documents.readAll();
        }
        assertThat(kubectl.waitFor()).isZero();
        return rendered;
    }

    private static Map<String, JsonNode> base() throws IOException {
        Map<String, JsonNode> byKind = new TreeMap<>();
        for (String file : resources()) {
            JsonNode document = read(BASE.resolve(file));
            assertThat(byKind.put(document.path("kind").asText(), document)).isNull();
        }
        return byKind;
    }

    /** The pod templates by name: that of the Deployment, and those of the Jobs. */
    private static Map<String, JsonNode> templates() throws IOException {
        Map<String, JsonNode> templates = new TreeMap<>();
        templates.put("Deployment", base().get("Deployment").at("/spec/template"));
        for (String job : List.of("verify", "heal")) {
            templates.put(
                    job, read(KUBERNETES.resolve("jobs/" + job + "/job.yml")).at("/spec/template"));
        }
        return templates;
    }

    private static Map<String, JsonNode> podsByName() throws IOException {
        Map<String, JsonNode> pods = templates();
        pods.replaceAll((name, template) -> template.path("spec"));
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
                    .containsExactlyInAnyOrder(SERVICE, SERVICE + "-settings");
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
    void baseContainsAllOfItsFiles() throws IOException {
        try (Stream<Path> files = Files.list(BASE)) {
            assertThat(files.map(file -> file.getFileName().toString())
                            .filter(name -> !name.startsWith("kustomization")))
                    .containsExactlyInAnyOrderElementsOf(resources());
        }
        assertThat(base().keySet())
                .containsExactlyInAnyOrder(
                        "ConfigMap",
                        "Deployment",
                        "HorizontalPodAutoscaler",
                        "NetworkPolicy",
                        "PodDisruptionBudget",
                        "Service",
                        "ServiceAccount");
    }

    @Test
    void selectorsMatchThePodsOfTheDeploymentOnly() throws IOException {
        for (String selector : List.of(
                "Deployment/spec/selector/matchLabels",
                "Service/spec/selector",
                "PodDisruptionBudget/spec/selector/matchLabels")) {
            String kind = selector.substring(0, selector.indexOf('/'));
            assertThat(selectedBy(base().get(kind).at(selector.substring(kind.length()))))
                    .as(selector)
                    .containsExactly("Deployment");
        }
    }

    @Test
    void networkPolicyCoversTheJobsToo() throws IOException {
        assertThat(selectedBy(base().get("NetworkPolicy").at("/spec/podSelector/matchLabels")))
                .containsExactly("Deployment", "heal", "verify");
        assertThat(base().get("NetworkPolicy").at("/spec/podSelector")).hasSize(1);
    }

    /** What the files say is what a cluster gets: only a site's overlay changes them. */
    @Test
    void baseAndJobsChangeNothingOfTheirFiles() throws IOException {
        for (String folder : List.of("base", "jobs/heal", "jobs/verify")) {
            assertThat(read(KUBERNETES.resolve(folder).resolve("kustomization.yml"))
                            .properties())
                    .as(folder)
                    .extracting(Map.Entry::getKey)
                    .containsExactlyInAnyOrder("apiVersion", "kind", "resources");
        }
    }

    @Test
    void networkPolicyAllowsWhatTheDocumentationSays() throws IOException {
        JsonNode policy = base().get("NetworkPolicy");
        assertThat(policy.at("/spec/policyTypes"))
                .extracting(JsonNode::asText)
                .containsExactlyInAnyOrder("Ingress", "Egress");
        assertThat(ports(policy, "ingress"))
                .containsExactly(
                        base().get("Deployment")
                                        .at("/spec/template/spec/containers/0/ports/0/containerPort")
                                        .asText() + "/TCP");
        assertThat(ports(policy, "egress")).containsExactlyInAnyOrder("53/UDP", "53/TCP", "27017/TCP");
    }

    private static List<String> ports(JsonNode policy, String direction) {
        List<String> ports = new ArrayList<>();
        policy.path("spec")
                .path(direction)
                .forEach(rule -> rule.path("ports")
                        .forEach(port -> ports.add(port.path("port").asText() + "/"
                                + port.path("protocol").asText())));
        return ports;
    }

    /** MongoDB, the JWKS, and the port of the exporter's default endpoint. */
    @Test
    @EnabledIf("hasKubectl")
    void overlayOpensThePortsItNames() throws Exception {
        assertThat(rendered("example"))
                .filteredOn(document -> document.path("kind").asText().equals("NetworkPolicy"))
                .singleElement()
                .satisfies(policy -> assertThat(ports(policy, "egress"))
                        .containsExactlyInAnyOrder("53/UDP", "53/TCP", "27018/TCP", "443/TCP", "4317/TCP"));
    }

    /** For {@code kubectl}, a patch without a target is no error. */
    @Test
    void patchesOfTheOverlayHaveTargets() throws IOException {
        assertThat(read(KUBERNETES.resolve("example/kustomization.yml")).path("patches"))
                .isNotEmpty()
                .allSatisfy(patch -> {
                    String kind = patch.at("/target/kind").asText();
                    assertThat(base()).containsKey(kind);
                    assertThat(base().get(kind).at("/metadata/name")).isEqualTo(patch.at("/target/name"));
                });
    }

    @ParameterizedTest
    @CsvSource({
        "Deployment, /spec/replicas",
        "Deployment, /spec/strategy",
        "Deployment, /spec/selector",
        "Deployment, /spec/template/spec/volumes/0",
        "Deployment, /spec/template/spec/containers/0/resources",
        "NetworkPolicy, /spec/podSelector"
    })
    @EnabledIf("hasKubectl")
    void overlayKeeps(String kind, String path) throws Exception {
        assertThat(rendered("example"))
                .filteredOn(document -> document.path("kind").asText().equals(kind))
                .singleElement()
                .satisfies(document ->
                        assertThat(document.at(path)).isEqualTo(base().get(kind).at(path)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"example", "example/heal", "example/verify"})
    @EnabledIf("hasKubectl")
    void overlayMountsTheFilesOfTheConnection(String overlay) throws Exception {
        assertThat(rendered(overlay))
                .filteredOn(document ->
                        document.at("/spec/template/spec/containers").isArray())
                .singleElement()
                .satisfies(workload -> {
                    JsonNode pod = workload.at("/spec/template/spec");
                    assertThat(pod.at("/containers/0/volumeMounts"))
                            .extracting(mount -> mount.path("name").asText())
                            .containsExactlyInAnyOrderElementsOf(
                                    pod.path("volumes").findValuesAsText("name"));
                    assertThat(pod.findValuesAsText("mountPath")).contains("/etc/mongodb");
                    assertThat(pod.findValuesAsText("secretName")).containsExactly(SERVICE + "-mongodb");
                });
    }

    @Test
    @EnabledIf("hasKubectl")
    void overlaySetsWhatItNames() throws Exception {
        Map<String, JsonNode> byKind = new TreeMap<>();
        rendered("example").forEach(document -> byKind.put(document.path("kind").asText(), document));
        assertThat(byKind.get("ConfigMap").path("data").properties())
                .extracting(Map.Entry::getKey)
                .allSatisfy(name -> assertThat(Files.readString(Path.of("src/main/resources/application.properties")))
                        .contains("${" + name + ":"));
        JsonNode autoscaler = byKind.get("HorizontalPodAutoscaler").path("spec");
        assertThat(autoscaler.path("maxReplicas").asInt())
                .isGreaterThanOrEqualTo(autoscaler.path("minReplicas").asInt());
    }

    /** The first version that enables {@code preStop.sleep}. */
    @Test
    void requiredVersionIsStated() throws IOException {
        assertThat(Files.readString(Path.of("docs/operations.md"))).contains("Kubernetes 1.30 or later is required");
        assertThat(Files.readString(BASE.resolve("kustomization.yml")).replace("\n# ", " "))
                .contains("Requires Kubernetes 1.30 or later");
    }

    private static List<String> selectedBy(JsonNode labels) throws IOException {
        assertThat(labels).isNotEmpty();
        return templates().entrySet().stream()
                .filter(pod -> labels.properties().stream()
                        .allMatch(label -> label.getValue()
                                .equals(pod.getValue()
                                        .at("/metadata/labels/" + label.getKey().replace("/", "~1")))))
                .map(Map.Entry::getKey)
                .toList();
    }

    @Test
    void updateKeepsAllPodsReady() throws IOException {
        JsonNode strategy = base().get("Deployment").at("/spec/strategy");
        assertThat(strategy.path("type").asText()).isEqualTo("RollingUpdate");
        assertThat(strategy.at("/rollingUpdate/maxUnavailable").asInt(1)).isZero();
        assertThat(strategy.at("/rollingUpdate/maxSurge").asInt()).isEqualTo(1);
    }

    /** Otherwise {@code kubectl apply} would undo what the autoscaler has set. */
    @Test
    void onlyTheAutoscalerSetsTheNumberOfPods() throws IOException {
        assertThat(base().get("Deployment").path("spec").has("replicas")).isFalse();
        assertThat(base().get("HorizontalPodAutoscaler")
                        .at("/spec/scaleTargetRef/name")
                        .asText())
                .isEqualTo(base().get("Deployment").at("/metadata/name").asText());
        assertThat(base().get("HorizontalPodAutoscaler")
                        .at("/spec/scaleTargetRef/kind")
                        .asText())
                .isEqualTo("Deployment");
    }

    @ParameterizedTest
    @MethodSource("pods")
    void temporaryFilesAreBounded(Map.Entry<String, JsonNode> named) {
        JsonNode pod = named.getValue();
        assertThat(pod.findValues("emptyDir"))
                .allSatisfy(
                        volume -> assertThat(volume.path("sizeLimit").asText()).isNotEmpty());
        assertThat(containers(pod))
                .allSatisfy(container -> assertThat(container
                                .at("/resources/requests/ephemeral-storage")
                                .asText())
                        .isNotEmpty());
        assertThat(pod.at("/volumes/0/emptyDir/sizeLimit").asText())
                .isNotEmpty()
                .isEqualTo(pod.at("/containers/0/resources/requests/ephemeral-storage")
                        .asText());
    }

    /** Without {@code kubectl}, {@code .ci/run} prints that the overlay is not rendered. */
    @ParameterizedTest
    @CsvSource({"example, Deployment", "example/heal, Job", "example/verify, Job"})
    @EnabledIf("hasKubectl")
    void overlaySetsImageAndNamespaceOfAll(String overlay, String kind) throws Exception {
        List<JsonNode> rendered = rendered(overlay);
        assertThat(rendered)
                .allSatisfy(document ->
                        assertThat(document.at("/metadata/namespace").asText()).isEqualTo("chat"));
        assertThat(rendered)
                .filteredOn(document -> document.path("kind").asText().equals(kind))
                .singleElement()
                .satisfies(workload -> {
                    assertThat(workload.at("/metadata/name").asText())
                            .isEqualTo(overlay.replace("example", SERVICE).replace('/', '-'));
                    assertThat(workload.at("/spec/template/spec/containers"))
                            .extracting(container -> container.path("image").asText())
                            .containsOnly("registry.example/conversation-service:1.0.0");
                });
    }

    static boolean hasKubectl() {
        return Programs.onPath("kubectl").isPresent();
    }

    @Test
    void workloadsRunOneImage() throws IOException {
        assertThat(podsByName().values())
                .flatExtracting(ManifestsIT::containers)
                .extracting(container -> container.path("image").asText())
                .containsOnly(SERVICE);
    }

    @Test
    void probesAskThePathsOfTheService() throws IOException {
        JsonNode container = podsByName().get("Deployment").at("/containers/0");
        assertThat(container.at("/livenessProbe/httpGet/path").asText()).isEqualTo("/q/health/live");
        assertThat(container.at("/readinessProbe/httpGet/path").asText()).isEqualTo("/q/health/ready");
        assertThat(container.at("/startupProbe/httpGet/path").asText()).isEqualTo("/q/health/started");
        String port = container.at("/ports/0/name").asText();
        assertThat(container.findValuesAsText("port")).containsOnly(port);
        assertThat(base().get("Service").at("/spec/ports").findValuesAsText("targetPort"))
                .containsExactly(port);
    }

    @Test
    void graceOutlastsTheWayOut() throws IOException {
        Properties settings = new Properties();
        try (Reader reader = Files.newBufferedReader(Path.of("src/main/resources/application.properties"))) {
            settings.load(reader);
        }
        JsonNode pod = podsByName().get("Deployment");
        long sleep = pod.at("/containers/0/lifecycle/preStop/sleep/seconds").asLong();
        assertThat(sleep).isPositive();
        long wayOut = sleep
                + Duration.parse("PT" + settings.getProperty("quarkus.shutdown.delay"))
                        .toSeconds()
                + Duration.parse("PT" + settings.getProperty("quarkus.shutdown.timeout"))
                        .toSeconds();
        assertThat(pod.path("terminationGracePeriodSeconds").asLong()).isGreaterThan(wayOut + 1);
    }
}
