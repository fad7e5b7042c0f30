package consulting.lmx.conversation.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What is in the production package, and what is not. */
class PackageIT {

    private static final Path APP = Path.of(System.getProperty("service.jar")).getParent();

    @Test
    void embeddedServerAndSampleStayOutOfThePackage() throws IOException {
        List<Path> jars;
        try (Stream<Path> files = Files.walk(APP)) {
            jars = files.filter(file -> file.toString().endsWith(".jar")).toList();
        }
        assertThat(jars)
                .hasSizeGreaterThan(50)
                .noneMatch(jar -> jar.getFileName().toString().contains("bwaldvogel")
                        || jar.getFileName().toString().contains("mongo-java-server"));
        for (Path jar : jars) {
            try (JarFile content = new JarFile(jar.toFile())) {
                assertThat(content.stream().map(Object::toString))
                        .as(jar.toString())
                        .noneMatch(entry -> entry.startsWith("de/bwaldvogel/"))
                        .noneMatch(entry -> entry.matches("consulting/lmx/conversation/dev/.+"))
                        .noneMatch(entry -> entry.matches("dev/.+|.*\\.jsonl"));
            }
        }
    }

    @Test
    void billOfMaterialsIsInThePackageAndNamesEachJar() throws IOException {
        String bill = Files.readString(APP.resolve("bom.cdx.json"));
        assertThat(bill).contains("\"bomFormat\" : \"CycloneDX\"");
        try (Stream<Path> libraries = Files.list(APP.resolve("lib/main"))) {
            assertThat(libraries)
                    .hasSizeGreaterThan(50)
                    .allSatisfy(jar -> assertThat(bill).contains("lib/main/" + jar.getFileName()));
        }
    }

    @Test
    void whatWorksAtBuildTimeStaysOutOfThePackage() throws IOException {
        try (Stream<Path> libraries = Files.list(APP.resolve("lib/main"))) {
            assertThat(libraries).noneMatch(jar -> jar.toString().matches(".*cyclonedx-core.*"));
        }
    }
}
