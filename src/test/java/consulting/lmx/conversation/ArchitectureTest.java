package consulting.lmx.conversation;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.properties.HasName;
import com.tngtech.archunit.core.domain.properties.HasOwner;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import consulting.lmx.conversation.http.Limited;
import consulting.lmx.conversation.store.ConversationFields;
import io.quarkus.mongodb.reactive.ReactiveMongoDatabase;
import jakarta.ws.rs.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Which package may depend on which, and who reaches the collections. */
class ArchitectureTest {

    private static final String ROOT = "consulting.lmx.conversation";
    private static final String STORE = ROOT + ".store..";
    private static final String API = ROOT + ".api..";
    private static final String INTEGRITY = ROOT + ".integrity..";
    private static final String ENGINE = ROOT + ".integrity.engine..";
    private static final String MONGO = ROOT + ".mongo..";
    private static final String DEV = ROOT + ".dev..";

    private static final JavaClasses MAIN = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(ROOT);

    @Test
    void packagesAreFreeOfCycles() {
        slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(MAIN);
        slices().matching(ROOT + ".(**)").should().beFreeOfCycles().check(MAIN);
    }

    @Test
    void nothingDependsOnDevMode() {
        noClasses()
                .that()
                .resideOutsideOfPackage(DEV)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(DEV)
                .check(MAIN);
    }

    @Test
    void nothingButTheCommandLineAndDevModeDependsOnApiOrIntegrity() {
        noClasses()
                .that()
                .resideOutsideOfPackages(API, INTEGRITY, ROOT + ".cli..", DEV)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(API, INTEGRITY)
                .check(MAIN);
        noClasses()
                .that()
                .resideInAPackage(API)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(INTEGRITY)
                .check(MAIN);
        noClasses()
                .that()
                .resideInAPackage(INTEGRITY)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(API)
                .check(MAIN);
    }

    @Test
    void integrityKnowsTheStoredNamesOfConversationsAndNothingElseOfThem() {
        DescribedPredicate<JavaClass> storeInside = JavaClass.Predicates.resideInAPackage(STORE)
                .and(DescribedPredicate.not(JavaClass.Predicates.type(ConversationFields.class)));
        noClasses()
                .that()
                .resideInAPackage(INTEGRITY)
                .should()
                .dependOnClassesThat(storeInside)
                .check(MAIN);
        noClasses()
                .that()
                .resideInAPackage(INTEGRITY)
                .and()
                .doNotHaveSimpleName("ConversationInvariant")
                .should()
                .dependOnClassesThat()
                .resideInAPackage(STORE)
                .check(MAIN);
    }

    @Test
    void onlyTheStoreAndTheHealReachACollection() {
        noClasses()
                .that()
                .resideOutsideOfPackages(ENGINE, STORE, DEV)
                .and()
                .doNotHaveSimpleName("SmokeCommand") // inserts past the service, to show that the database refuses it
                .should()
                .callMethodWhere(JavaCall.Predicates.target(HasName.Predicates.name("getCollection")))
                .check(MAIN);
    }

    @Test
    void classesOfAPackageAreFreeOfCycles() {
        for (String name : List.of("store", "api", "integrity")) {
            slices().assignedFrom(new TopLevelClassesOf(ROOT + "." + name))
                    .should()
                    .beFreeOfCycles()
                    .check(MAIN);
        }
    }

    private record TopLevelClassesOf(String root) implements SliceAssignment {

        @Override
        public SliceIdentifier getIdentifierOf(JavaClass type) {
            boolean inside = (type.getPackageName() + ".").startsWith(root + ".");
            return inside ? SliceIdentifier.of(type.getName().replaceFirst("\\$.*", "")) : SliceIdentifier.ignore();
        }

        @Override
        public String getDescription() {
            return "classes of " + root;
        }
    }

    @Test
    void noPackageHasMoreThanTwentyFiveClasses() {
        Map<String, Long> sizes = MAIN.stream()
                .filter(type -> type.isTopLevelClass() && !type.getSimpleName().equals("package-info"))
                .collect(Collectors.groupingBy(JavaClass::getPackageName, Collectors.counting()));
        assertThat(sizes)
                .isNotEmpty()
                .allSatisfy((name, size) -> assertThat(size).as(name).isLessThanOrEqualTo(25));
    }

    @Test
    void engineKnowsNoContainerAndNoHttp() {
        noClasses()
                .that()
                .resideInAPackage(ENGINE)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("jakarta..", "io.quarkus..", "io.vertx..", ROOT + ".http..", ROOT + ".security..")
                .check(MAIN);
    }

    @Test
    void problemsDependOnNothingButText() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + ".problem..")
                .should()
                .dependOnClassesThat(JavaClass.Predicates.resideInAPackage(ROOT + "..")
                        .and(JavaClass.Predicates.resideOutsideOfPackages(ROOT + ".problem..", ROOT + ".text..")))
                .check(MAIN);
    }

    @Test
    void nothingDependsOnTheCommandLine() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ROOT + ".cli..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage(ROOT + ".cli..")
                .check(MAIN);
    }

    @Test
    void readBarrierAndClockSendCommandsAndReachNoCollection() {
        noClasses()
                .that()
                .resideInAPackage(MONGO)
                .should()
                .callMethodWhere(JavaCall.Predicates.target(HasOwner.Predicates.With.owner(
                                JavaClass.Predicates.assignableTo(ReactiveMongoDatabase.class)))
                        .and(DescribedPredicate.not(JavaCall.Predicates.target(HasName.Predicates.name("runCommand")))))
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName("com.mongodb.reactivestreams.client.MongoDatabase")
                .check(MAIN);
    }

    @Test
    void resourcesHaveNothingToDoWithTheDatabase() {
        classes()
                .that()
                .areAnnotatedWith(Path.class)
                .should()
                .onlyDependOnClassesThat(new DescribedPredicate<JavaClass>("have nothing to do with the database") {
                    @Override
                    public boolean test(JavaClass type) {
                        return !type.getPackageName().startsWith("com.mongodb")
                                && !type.getPackageName().startsWith("io.quarkus.mongodb");
                    }
                })
                .check(MAIN);
    }

    @Test
    void everyRouteOfConversationsIsLimitedAndHasLinearizableReads() {
        classes()
                .that()
                .areAnnotatedWith(Path.class)
                .and()
                .resideInAPackage(API)
                .should()
                .beAnnotatedWith(Limited.class)
                .check(MAIN);
    }
}
