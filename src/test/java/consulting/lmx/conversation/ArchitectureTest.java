package consulting.lmx.conversation;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.properties.HasName;
import com.tngtech.archunit.core.domain.properties.HasOwner;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import consulting.lmx.conversation.conversation.ConversationFields;
import consulting.lmx.conversation.conversation.Fresh;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoDatabase;
import jakarta.ws.rs.Path;
import org.junit.jupiter.api.Test;

/** The arrows of the house. */
class ArchitectureTest {

    private static final String ROOT = "consulting.lmx.conversation";
    private static final String CONVERSATION = ROOT + ".conversation..";
    private static final String INTEGRITY = ROOT + ".integrity..";
    private static final String SECURITY = ROOT + ".security..";
    private static final String ERROR = ROOT + ".error..";
    private static final String TEXT = ROOT + ".text..";
    private static final String DEV = ROOT + ".dev..";

    private static final JavaClasses MAIN = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(ROOT);

    @Test
    void nothingKnowsDevMode() {
        noClasses()
                .that()
                .resideOutsideOfPackage(DEV)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(DEV)
                .check(MAIN);
    }

    @Test
    void roomsKnowEachOtherInOneDirection() {
        slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(MAIN);
        noClasses()
                .that()
                .resideInAPackage(CONVERSATION)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(INTEGRITY)
                .check(MAIN);
        noClasses()
                .that()
                .resideInAnyPackage(ERROR, TEXT)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(CONVERSATION, INTEGRITY, SECURITY)
                .check(MAIN);
        noClasses()
                .that()
                .resideInAPackage(SECURITY)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(CONVERSATION, INTEGRITY)
                .check(MAIN);
    }

    @Test
    void integrityKnowsTheStoredNamesOfConversationsAndNothingElseOfThem() {
        DescribedPredicate<JavaClass> conversationsInside = JavaClass.Predicates.resideInAPackage(CONVERSATION)
                .and(DescribedPredicate.not(JavaClass.Predicates.type(ConversationFields.class)));
        noClasses()
                .that()
                .resideInAPackage(INTEGRITY)
                .should()
                .dependOnClassesThat(conversationsInside)
                .check(MAIN);
        noClasses()
                .that()
                .resideInAPackage(INTEGRITY)
                .and()
                .doNotHaveSimpleName("ConversationInvariant")
                .should()
                .dependOnClassesThat()
                .resideInAPackage(CONVERSATION)
                .check(MAIN);
    }

    @Test
    void onlyTheIntegrityTakesADatabaseUnguarded() {
        noClasses()
                .that()
                .resideOutsideOfPackages(INTEGRITY, DEV)
                .and()
                .doNotHaveSimpleName("ProvenPrimary") // which reads, as the next test says
                .and()
                .doNotHaveSimpleName("ServerClock")
                .should()
                .callMethodWhere(JavaCall.Predicates.target(HasOwner.Predicates.With.owner(
                                JavaClass.Predicates.assignableTo(ReactiveMongoClient.class)))
                        .and(DescribedPredicate.not(
                                JavaCall.Predicates.target(HasName.Predicates.name("startSession")))))
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName("com.mongodb.reactivestreams.client.MongoDatabase")
                .check(MAIN);
    }

    @Test
    void readBarrierAndClockSendCommandsAndReachNoCollection() {
        noClasses()
                .that()
                .haveSimpleName("ProvenPrimary")
                .or()
                .haveSimpleName("ServerClock")
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
    void onlyTheServiceReadsAndWritesConversations() {
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
    void everyRouteOfConversationsReadsFromAProvenPrimary() {
        classes()
                .that()
                .areAnnotatedWith(Path.class)
                .and()
                .resideInAPackage(CONVERSATION)
                .should()
                .beAnnotatedWith(Fresh.class)
                .check(MAIN);
    }
}
