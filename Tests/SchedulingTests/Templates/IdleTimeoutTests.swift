import Scheduling
import Testing

@Suite struct IdleTimeoutTests {
    private static let weights = mebibytes(1000)

    private func ready(
        hasTemplate: Bool = true, isPinned: Bool = false, device: DeviceSpecification = .gibibytes(8),
        weightBytes: Int = Self.weights
    ) throws -> (Harness, EngineID) {
        let model = ModelSpecification.named(
            "a", isPinned: isPinned, idleTimeout: .seconds(60), hasTemplate: hasTemplate)
        var harness = Harness(models: [model, .named("b")], devices: [device])
        harness.boot()
        if hasTemplate { try harness.makeTemplate("a", weightBytes: weightBytes) }
        let engine = try harness.start("a", weightBytes: weightBytes)
        return (harness, engine)
    }

    @Test func anEngineThatNobodyUsesFallsAsleep() throws {
        var (harness, engine) = try ready()
        harness.wait(.seconds(50))
        harness.lastUsed[engine] = harness.now
        harness.inFlight[engine] = 0
        #expect(harness.wait(.milliseconds(59_999)).evictions == [])
        #expect(harness.wait(.milliseconds(1)).evictions == [engine])
        harness.endEngine(engine)
        harness.inspectTemplate("a", weightBytes: Self.weights)
        try harness.finishPreparing("a")
        #expect(harness.scheduler.tier(of: "a") == .asleep)
    }

    @Test func aBusyOneIsLookedAtAgain() throws {
        var (harness, engine) = try ready()
        harness.inFlight[engine] = 1
        harness.wait(.seconds(90))
        #expect(harness.actions.evictions == [])
        // The end of a request is told to nobody here.
        harness.inFlight[engine] = 0
        harness.lastUsed[engine] = harness.now
        #expect(harness.wait(.milliseconds(59_999)).evictions == [])
        #expect(harness.wait(.milliseconds(1)).evictions == [engine])
    }

    @Test func withoutATemplateItIsStopped() throws {
        var (harness, engine) = try ready(hasTemplate: false)
        #expect(harness.wait(.seconds(60)).evictions == [engine])
        harness.endEngine(engine)
        #expect(harness.engine(of: "a") == nil)
        #expect(harness.scheduler.tier(of: "a") == .cold)
    }

    @Test func withoutRoomForItsWeightsItIsStopped() throws {
        var (harness, engine) = try ready(device: .gibibytes(6))
        let b = try harness.start("b")
        harness.send(.measured(b, bytes: mebibytes(5 * 1024)))
        #expect(harness.wait(.seconds(60)).evictions == [engine])
        harness.endEngine(engine)
        #expect(harness.scheduler.tier(of: "a") == .warm)
        #expect(harness.actions.templateInspections == ["a"])
    }

    @Test func whereNobodyKnowsWhatItsWeightsTakeItIsStopped() throws {
        var (harness, engine) = try ready(weightBytes: 0)
        #expect(harness.wait(.seconds(60)).evictions == [engine])
        harness.endEngine(engine)
        #expect(harness.scheduler.tier(of: "a") == .warm)
        #expect(harness.actions.templateInspections == ["a"])
    }

    @Test func weightsOfUnknownSizeAreTakenForWhatWasMeasured() throws {
        var (harness, engine) = try ready(weightBytes: 0)
        harness.send(.measured(engine, bytes: mebibytes(1536 + 700)))
        harness.wait(.seconds(60))
        harness.endEngine(engine)
        harness.inspectTemplate("a")
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == mebibytes(128 + 700))
        try harness.finishPreparing("a")
        #expect(harness.scheduler.tier(of: "a") == .asleep)
    }

    @Test func aPinnedOneStays() throws {
        var (harness, _) = try ready(isPinned: true)
        harness.wait(.seconds(600))
        #expect(harness.actions.evictions == [])
    }

    @Test func aRequestInTheLastMomentKeepsItAwake() throws {
        var (harness, engine) = try ready()
        #expect(harness.wait(.seconds(60)).evictions == [engine])
        harness.inFlight[engine] = 1
        harness.send(.evictionRefused(engine))
        #expect(harness.phase(of: "a") == .ready)
        harness.inFlight[engine] = 0
        harness.lastUsed[engine] = harness.now
        #expect(harness.wait(.milliseconds(59_999)).ends == [])
        #expect(harness.actions.templateInspections == ["a"])
        #expect(harness.wait(.seconds(60)).evictions == [engine])
    }

    @Test func aRequestThatComesTooLateMeansNoSleep() throws {
        var (harness, engine) = try ready()
        harness.wait(.seconds(60))
        let request = harness.request("a")
        harness.endEngine(engine)
        let next = try harness.inspect("a", weightBytes: Self.weights)
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: request) == [.admitted(next)])
        #expect(harness.actions.orders.count(where: \.isLoaded) == 0)
    }

    @Test func aSleepThatIsAskedForMeanwhileHolds() throws {
        var (harness, engine) = try ready()
        harness.wait(.seconds(60))
        let command = harness.sleep("a")
        harness.inFlight[engine] = 1
        #expect(harness.send(.evictionRefused(engine)).contains(.drain(engine)))
        harness.inFlight[engine] = 0
        harness.endEngine(engine)
        harness.inspectTemplate("a", weightBytes: Self.weights)
        try harness.finishPreparing("a")
        #expect(harness.isAsleep(command))
    }
}
