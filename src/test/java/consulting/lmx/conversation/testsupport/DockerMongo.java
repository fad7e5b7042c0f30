package consulting.lmx.conversation.testsupport;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.mongodb.MongoDBContainer;

/** A server in a container, where there is a Docker engine. */
final class DockerMongo {

    private DockerMongo() {}

    static Optional<TestServer.Running> start() {
        boolean engineMayRun = System.getenv("DOCKER_HOST") != null || Files.exists(Path.of("/var/run/docker.sock"));
        if (!engineMayRun || !DockerClientFactory.instance().isDockerAvailable()) {
            return Optional.empty();
        }
        MongoDBContainer container = new MongoDBContainer("mongo:8.0").withReplicaSet();
        container.start();
        return Optional.of(
                new TestServer.Running("mongo:8.0 in Docker", container.getReplicaSetUrl(), container::stop));
    }
}
