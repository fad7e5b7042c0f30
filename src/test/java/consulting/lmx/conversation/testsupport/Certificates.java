package consulting.lmx.conversation.testsupport;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Assumptions;

/** An authority and what it certifies, as PEM files of one folder, made by {@code openssl}. */
public final class Certificates {

    private final Path folder;

    /** Makes the authority; skips the test where there is no {@code openssl} of version 3. */
    public Certificates(Path folder) throws IOException, InterruptedException {
        this.folder = folder;
        Assumptions.assumeTrue(hasOpenssl(), "no openssl of version 3 on the PATH to make certificates");
        make("ca", "/CN=Authority of the tests");
    }

    private static boolean hasOpenssl() throws InterruptedException {
        try {
            Process process = new ProcessBuilder("openssl", "version").start();
            String version = new String(process.getInputStream().readAllBytes());
            return process.waitFor() == 0 && version.startsWith("OpenSSL 3");
        } catch (IOException notThere) {
            return false;
        }
    }

    /** Certifies {@code subject}, and leaves {@code name.crt}, {@code name.key} and both in {@code name.pem}. */
    public void certify(String name, String subject, String usedBy) throws IOException, InterruptedException {
        make(
                name,
                subject,
                "-CA",
                file("ca.crt"),
                "-CAkey",
                file("ca.key"),
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-addext",
                usedBy);
        Files.writeString(
                folder.resolve(name + ".pem"),
                Files.readString(folder.resolve(name + ".crt")) + Files.readString(folder.resolve(name + ".key")));
    }

    private void make(String name, String subject, String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(
                List.of("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", subject));
        command.addAll(List.of("-keyout", file(name + ".key"), "-out", file(name + ".crt")));
        command.addAll(List.of(options));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes());
        if (process.waitFor() != 0) {
            throw new IllegalStateException(said);
        }
    }

    /** The path of one of the files. */
    public String file(String name) {
        return folder.resolve(name).toString();
    }

    /** What a client of the tests' own needs to trust the authority. */
    public SSLContext trust() throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream in = Files.newInputStream(folder.resolve("ca.crt"))) {
            store.setCertificateEntry(
                    "ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }
}
