import Scheduling
import Testing

@Suite struct CreationTests {
    private var harness = Harness(models: [.named("a", aliases: ["default"])])

    init() { harness.boot() }

    @Test mutating func aNewModelIsNamedAndLoaded() throws {
        let before = harness.actions.count
        let command = harness.create(.named("x", aliases: ["org/x"]))
        #expect(harness.actions[before...].contains(.publishRoutes))
        #expect(harness.scheduler.model(named: "org/x") == "x")
        #expect(harness.scheduler.models["x"]?.isCreated == true)
        let engine = try harness.inspect("x")
        #expect(harness.actions.assignments.map(\.model) == ["x"])
        #expect(!harness.isLoaded(command))
        try harness.becomeReady("x")
        #expect(harness.isLoaded(command))
        let request = harness.request("org/x")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
    }

    @Test mutating func itGetsATemplateLikeAnyOther() throws {
        _ = try harness.make(.named("x", hasTemplate: true))
        #expect(harness.actions.templateInspections == ["x"])
        try harness.makeTemplate("x")
        #expect(harness.spares(of: "x").count == 2)
    }

    @Test(arguments: ["a", "default", "x", "org/x", "e-1"])
    func aNameThatIsTakenIsRefused(name: String) throws {
        var harness = Harness(models: [.named("a", aliases: ["default"])])
        harness.boot()
        _ = try harness.make(.named("x", gibibytes: 1, aliases: ["org/x"]))
        let before = harness.scheduler.models
        for model in [ModelSpecification.named(name), .named("new", aliases: [name])] {
            let command = harness.create(model)
            #expect(harness.loadFailure(command)?.code == .conflict)
            #expect(harness.loadFailure(command)?.message.contains("'\(name)'") == true)
        }
        #expect(harness.scheduler.models == before)
        #expect(!harness.scheduler.isFree(name))
    }

    @Test mutating func thereAreOnlySoMany() throws {
        var limits = SchedulingLimits.roomy
        limits.createdModels = 2
        harness = Harness(models: [.named("a")], limits: limits)
        harness.boot()
        for name in ["x", "y"] { _ = try harness.make(.named(name, gibibytes: 1)) }
        let third = harness.create(.named("z", gibibytes: 1))
        #expect(harness.loadFailure(third)?.code == .conflict)
        #expect(harness.loadFailure(third)?.message.hasPrefix("2 engines") == true)
        _ = harness.remove("x")
        harness.send(.permitReleased(try #require(harness.engine(of: "x"))))
        harness.endProcesses()
        _ = try harness.make(.named("z", gibibytes: 1))
    }

    @Test mutating func noneIsMadeInAShutdown() {
        harness.send(.shutdown)
        let command = harness.create(.named("x"))
        #expect(harness.loadFailure(command)?.code == .shuttingDown)
        #expect(!harness.isKnown("x"))
    }

    @Test mutating func aFolderThatCannotBeServedMakesNothing() throws {
        let command = harness.create(.named("x"))
        let request = harness.request("x")
        let engine = try #require(harness.engine(of: "x"))
        harness.send(.inspectionFailed(engine, ControllerError(.startFailed, "There is no folder.")))
        #expect(harness.loadFailure(command)?.code == .unprocessable)
        #expect(harness.loadFailure(command)?.message == "There is no folder.")
        #expect(harness.outcomes(of: request) == [.refused(.unprocessable)])
        #expect(!harness.isKnown("x"))
        #expect(harness.removed == ["x"])
        #expect(harness.scheduler.isFree("x"))
    }

    @Test mutating func withoutAnybodyWaitingItStaysAndHasFailed() throws {
        let command = harness.create(.named("x"), isAwaited: false)
        let engine = try #require(harness.engine(of: "x"))
        harness.send(.inspectionFailed(engine, ControllerError(.startFailed, "There is no folder.")))
        #expect(harness.loadFailure(command)?.code == .startFailed)
        #expect(harness.scheduler.models["x"]?.lastError?.message == "There is no folder.")
    }

    /// It had a place, and so it is an engine that failed.
    @Test mutating func aStartThatFailsIsKeptAndTriedAgainOnARequest() throws {
        let command = harness.create(.named("x"))
        let engine = try harness.inspect("x")
        harness.send(.startFailed(engine, try harness.generation(of: engine), reason: "no weights"))
        #expect(harness.loadFailure(command)?.code == .startFailed)
        harness.endProcesses()
        harness.fillPools()
        #expect(harness.engine(of: "x") == nil)
        #expect(harness.scheduler.models["x"]?.lastError?.message.contains("no weights") == true)
        harness.wait(.seconds(1))
        let request = harness.request("x")
        _ = try harness.inspect("x")
        let second = try harness.becomeReady("x")
        #expect(harness.outcomes(of: request) == [.admitted(second)])
        #expect(harness.scheduler.models["x"]?.lastError == nil)
    }

    /// What is refused to a model that was there before is no reason to forget it.
    @Test mutating func aLaterFailureBeforeItsPlaceKeepsTheModel() throws {
        let first = try harness.make(.named("x"))
        try harness.killCore(of: first)
        harness.endProcesses()
        let load = harness.load("x")
        let second = try #require(harness.engine(of: "x"))
        harness.send(.inspectionFailed(second, ControllerError(.startFailed, "There is no folder.")))
        #expect(harness.loadFailure(load)?.code == .startFailed)
        #expect(harness.isKnown("x"))
        #expect(harness.removed == [])
    }
}
