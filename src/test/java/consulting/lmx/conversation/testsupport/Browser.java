package consulting.lmx.conversation.testsupport;

import com.deque.html.axecore.selenium.AxeBuilder;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.logging.Level;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.bson.Document;
import org.junit.jupiter.api.Assumptions;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.interactions.Actions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;

/** A Chromium of this machine, without a window. */
public final class Browser implements AutoCloseable {

    private static final Path SCREENSHOTS = Path.of("target", "console");

    private final Path profile;
    private final ChromeDriver driver;
    private int width = 1440;
    private int height = 900;

    private Browser(Path chromium, Path chromedriver) throws IOException {
        profile = Files.createTempDirectory("chromium");
        ChromeOptions options = new ChromeOptions();
        options.setBinary(chromium.toFile());
        options.setAcceptInsecureCerts(true); // of the authority of the tests
        options.addArguments(
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--lang=en-US",
                "--user-data-dir=" + profile);
        LoggingPreferences logs = new LoggingPreferences();
        logs.enable(LogType.BROWSER, Level.ALL);
        logs.enable(LogType.PERFORMANCE, Level.ALL);
        options.setCapability("goog:loggingPrefs", logs);
        driver = new ChromeDriver(
                new ChromeDriverService.Builder()
                        .usingDriverExecutable(chromedriver.toFile())
                        .usingAnyFreePort()
                        .build(),
                options);
    }

    /** Starts one, and skips the test where there is none. */
    public static Browser start() throws IOException {
        Optional<Path> chromium = Programs.onPath("chromium");
        Optional<Path> chromedriver = Programs.onPath("chromedriver");
        Assumptions.assumeTrue(
                chromium.isPresent() && chromedriver.isPresent(),
                "no chromium and chromedriver on the PATH (Debian's packages chromium and chromium-driver)");
        return new Browser(chromium.get(), chromedriver.get());
    }

    /** Opens a page as somebody who has signed in at the frontend. */
    public void openAs(String token, URI page) {
        signOut();
        driver.executeCdpCommand(
                "Network.setCookie", Map.of("name", "auth-token", "value", token, "url", page.toString()));
        driver.get("about:blank");
        open(page);
    }

    /** Opens a page as somebody who has not. */
    public void openAsVisitor(URI page) {
        signOut();
        driver.get("about:blank");
        open(page);
    }

    /** Takes the cookie away, as the frontend does. */
    public void signOut() {
        driver.executeCdpCommand("Network.clearBrowserCookies", Map.of());
    }

    public void open(URI page) {
        driver.get(page.toString());
    }

    /** The size of the window, and which theme its user prefers. */
    public void look(int width, int height, boolean dark) {
        this.width = width;
        this.height = height;
        resize(height);
        driver.executeCdpCommand(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light"))));
    }

    private void resize(int toHeight) {
        driver.executeCdpCommand(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", toHeight, "deviceScaleFactor", 1, "mobile", false));
    }

    /** The zone that the reader lives in. */
    public void zone(String zone) {
        driver.executeCdpCommand("Emulation.setTimezoneOverride", Map.of("timezoneId", zone));
    }

    /** Runs a script in the page. */
    public Object script(String script, Object... arguments) {
        return driver.executeScript(script, arguments);
    }

    /** The text of the first element that {@code css} selects; empty where there is none. */
    public String text(String css) {
        return (String) script("return document.querySelector(arguments[0])?.innerText ?? ''", css);
    }

    /** The texts of all elements that {@code css} selects. */
    @SuppressWarnings("unchecked")
    public List<String> texts(String css) {
        return (List<String>)
                script("return Array.from(document.querySelectorAll(arguments[0]), (e) => e.textContent)", css);
    }

    public void awaitText(String css, String part) {
        await(css + " says " + part, () -> text(css).contains(part));
    }

    /** Waits for what a person would wait for too. */
    public static void await(String what, Callable<Boolean> condition) {
        Awaitility.await(what)
                .atMost(Duration.ofSeconds(60))
                .pollInterval(Duration.ofMillis(100))
                .until(condition);
    }

    /** Presses the button or follows the link of that name. */
    public void click(String name) {
        By named = By.xpath("//*[self::button or self::a][normalize-space(.)='" + name + "']");
        await(
                name + " can be pressed",
                () -> driver.findElements(named).stream().anyMatch(Browser::canBePressed));
        driver.findElements(named).stream()
                .filter(Browser::canBePressed)
                .findFirst()
                .orElseThrow()
                .click();
    }

    private static boolean canBePressed(WebElement element) {
        return element.isDisplayed() && element.isEnabled();
    }

    /** Types into what has the focus. */
    public void type(CharSequence... keys) {
        new Actions(driver).sendKeys(keys).perform();
    }

    /** Replaces the text of the selected input. */
    public void fill(String selector, CharSequence... keys) {
        WebElement input = driver.findElement(By.cssSelector(selector));
        input.clear();
        input.sendKeys(keys);
    }

    /** Begins a new line in what has the focus. */
    public void typeNewLine() {
        new Actions(driver)
                .keyDown(Keys.SHIFT)
                .sendKeys(Keys.ENTER)
                .keyUp(Keys.SHIFT)
                .perform();
    }

    /** Goes on by the tabulator until what has the focus is named so. */
    public void tabTo(String name) {
        for (int i = 0; i < 80; i++) {
            type(Keys.TAB);
            if (focused().equals(name)) {
                return;
            }
        }
        throw new AssertionError("The tabulator does not lead to " + name);
    }

    /** The name of what has the focus. */
    public String focused() {
        return (String) script("const e = document.activeElement; return e.getAttribute('aria-label') ?? e.innerText");
    }

    /** Writes what is seen to a file, in a window that is as high as the page. */
    public void screenshot(String name) {
        resize(((Number) script("return document.documentElement.scrollHeight")).intValue());
        byte[] image = driver.getScreenshotAs(OutputType.BYTES);
        resize(height);
        try {
            Files.createDirectories(SCREENSHOTS);
            Files.write(SCREENSHOTS.resolve(name + ".png"), image);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What axe-core finds that keeps people from using the page. */
    public List<String> barriers() {
        return new AxeBuilder()
                .analyze(driver).getViolations().stream()
                        .map(rule -> rule.getId() + ": " + rule.getHelp() + " " + rule.getNodes())
                        .toList();
    }

    /** The addresses of the network that the browser has asked for since the last call. */
    public List<String> requests() {
        return driver.manage().logs().get(LogType.PERFORMANCE).getAll().stream()
                .map(entry -> Document.parse(entry.getMessage()).get("message", Document.class))
                .filter(message -> message.getString("method").equals("Network.requestWillBeSent"))
                .map(message -> message.getEmbedded(List.of("params", "request", "url"), String.class))
                .filter(url -> url.matches("(http|ws)s?:.*"))
                .toList();
    }

    /** What the console has called an error since the last call; refusals of the API that were {@code expected} left out. */
    public List<String> errors(int... expected) {
        return driver.manage().logs().get(LogType.BROWSER).getAll().stream()
                .filter(entry -> entry.getLevel() == Level.SEVERE)
                .map(LogEntry::getMessage)
                .filter(message ->
                        Arrays.stream(expected).noneMatch(status -> message.contains("a status of " + status)))
                .toList();
    }

    @Override
    public void close() throws IOException {
        driver.quit();
        try (Stream<Path> files = Files.walk(profile)) {
            files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
        }
    }
}
