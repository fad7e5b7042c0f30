package consulting.lmx.conversation.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JwksClientTest {

    @Test
    void pathsAndFileUrlsAreFiles() {
        Path path = Path.of("/etc/my keys/jwks.json");
        assertThat(JwksClient.of(path.toString()).uri()).isEqualTo(path.toUri());
        assertThat(JwksClient.of(path.toUri().toString()).uri()).isEqualTo(path.toUri());
        assertThat(JwksClient.of("keys.json").uri())
                .isEqualTo(Path.of("keys.json").toAbsolutePath().toUri());
        assertThat(JwksClient.of("/etc/jwks.json").isUnprotected()).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "https://id.example/jwks.json,   false",
        "HTTPS://id.example/jwks.json,   false",
        "http://localhost:8080/jwks,     false",
        "http://127.0.0.1/jwks,          false",
        "http://[::1]:8080/jwks,         false",
        "http://id.example/jwks.json,    true",
        "HTTP://keycloak:8080/jwks,      true",
        "http://127.0.0.1.example/jwks,  true",
        "http://localhost.example/jwks,  true",
    })
    void plainHttpToAnotherHostIsUnprotected(String location, boolean isUnprotected) {
        assertThat(JwksClient.of(location).isUnprotected()).isEqualTo(isUnprotected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ftp://id.example/jwks.json",
                "http:///jwks.json",
                "https:id.example",
                "https://me:secret@id.example/jwks.json",
                "https://id.example/a b",
                "file:keys.json",
                "jwks:x"
            })
    void otherLocationsAreRejected(String location) {
        assertThatIllegalArgumentException().isThrownBy(() -> JwksClient.of(location));
    }
}
