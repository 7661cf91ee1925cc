import Scheduling
import Testing

/// A replica is started out of free memory, at nobody's cost, and goes first.
@Suite struct ReplicaRoomTests {
    private static let device = DeviceID("cpu:0")
    private static let weights = mebibytes(1000)

    private func ready(
        _ others: [ModelSpecification], gibibytes: Int, replicas: Int = 2, isPinned: Bool = false
    ) throws -> (Harness, EngineID) {
        let model = ModelSpecification.named("a", concurrency: 1, replicas: replicas, isPinned: isPinned)
        var harness = Harness(models: [model] + others, devices: [.gibibytes(gibibytes)])
        harness.boot()
        let engine = try harness.start("a")
        return (harness, engine)
    }

    /// Two engines of `a`, with nothing in either.
    private func readyTwice(
        _ others: [ModelSpecification], gibibytes: Int, isPinned: Bool = false
    ) throws -> (Harness, EngineID, EngineID) {
        var (harness, first) = try ready(others, gibibytes: gibibytes, isPinned: isPinned)
        let replica = try harness.startReplica("a")
        return (harness, first, replica)
    }

    // MARK: Starting

    @Test func nobodyIsEvictedForIt() throws {
        var (harness, first) = try ready([.named("b")], gibibytes: 5)
        let b = try harness.start("b")
        harness.wait(.seconds(60))
        harness.inFlight[first] = 1
        let request = harness.request("a")
        #expect(harness.replicas(of: "a") == [])
        harness.wait(.seconds(60))
        #expect(harness.actions.evictions == [])
        // As soon as there is room, it comes.
        _ = harness.unload("b")
        harness.endEngine(b)
        let replica = try #require(harness.replicas(of: "a").first)
        harness.inspect(replica)
        try harness.becomeReady(replica)
        #expect(harness.outcomes(of: request) == [.admitted(replica)])
    }

    @Test func itIsNotAheadOfAnotherModelThatWaitsForRoom() throws {
        var (harness, first) = try ready([.named("big", gibibytes: 7)], gibibytes: 8)
        harness.inFlight[first] = 1
        _ = harness.load("big")
        // 6 GiB are free, and who knows what it needs?
        _ = harness.request("a")
        #expect(harness.replicas(of: "a") == [])
        _ = try harness.inspect("big")
        #expect(harness.phase(of: "big") == .placing)
        #expect(harness.replicas(of: "a") == [])
        _ = harness.unload("big")
        #expect(harness.replicas(of: "a").count == 1)
    }

    @Test func oneWhoseRoomIsTakenMeanwhileIsCalledOff() throws {
        var (harness, first) = try ready([.named("b")], gibibytes: 5)
        harness.inFlight[first] = 1
        let request = harness.request("a")
        let replica = try #require(harness.replicas(of: "a").first)
        _ = harness.load("b")
        _ = try harness.inspect("b")
        #expect(harness.phase(of: "b") == .starting)
        #expect(harness.inspect(replica) == [])
        #expect(harness.replicas(of: "a") == [])
        // That was no failure, and nobody is refused.
        #expect(harness.scheduler.models["a"]?.lastError == nil)
        harness.inFlight[first] = 0
        harness.send(.permitReleased(first))
        #expect(harness.outcomes(of: request) == [.admitted(first)])
    }

    @Test func aStartThatIsWantedMeanwhileGoesAhead() throws {
        var (harness, first) = try ready([.named("b", gibibytes: 3)], gibibytes: 6)
        harness.inFlight[first] = 1
        _ = harness.request("a")
        let replica = try #require(harness.replicas(of: "a").first)
        _ = harness.load("b")
        #expect(harness.inspect(replica) == [])
        #expect(harness.replicas(of: "a") == [])
        _ = try harness.inspect("b")
        #expect(harness.phase(of: "b") == .starting)
    }

    // MARK: What it is made from

    @Test func aLoadedTemplateMakesItCheap() throws {
        let model = ModelSpecification.named("a", concurrency: 1, replicas: 2, hasTemplate: true)
        var harness = Harness(models: [model], devices: [.gibibytes(5)])
        harness.boot()
        try harness.makeTemplate("a", weightBytes: Self.weights)
        try harness.putToSleep("a", weightBytes: Self.weights)
        let first = try harness.start("a", weightBytes: Self.weights)
        harness.inFlight[first] = 1
        let request = harness.request("a")
        let replica = try #require(harness.replicas(of: "a").first)
        // A whole engine would take 3148 MiB.
        harness.inspect(replica, weightBytes: Self.weights)
        #expect(harness.scheduler.engines[replica]?.startTier == .asleep)
        #expect(harness.scheduler.usedBytes(Self.device) == mebibytes(1228 + 2 * 1792))
        try harness.becomeReady(replica)
        #expect(harness.outcomes(of: request) == [.admitted(replica)])
    }

    @Test func aWarmTemplateGivesAWholeEngine() throws {
        let model = ModelSpecification.named("a", concurrency: 1, replicas: 2, hasTemplate: true)
        var harness = Harness(models: [model], devices: [.gibibytes(8)])
        harness.boot()
        let process = try harness.makeTemplate("a")
        let first = try harness.start("a")
        harness.inFlight[first] = 1
        _ = harness.request("a")
        let replica = try #require(harness.replicas(of: "a").first)
        harness.inspect(replica)
        #expect(harness.scheduler.engines[replica]?.startTier == .warm)
        #expect(harness.scheduler.engines[replica]?.template == process)
        #expect(harness.scheduler.usedBytes(Self.device) == mebibytes(128 + 2 * 2048))
    }

    @Test func anotherDeviceWillDo() throws {
        var harness = Harness(
            models: [.named("a", concurrency: 1, replicas: 2)],
            devices: [.gibibytes(3), .gibibytes(3, id: "cpu:1")])
        harness.boot()
        _ = try harness.start("a")
        let replica = try harness.startReplica("a")
        #expect(harness.scheduler.engines[replica]?.device == DeviceID("cpu:1"))
    }

    // MARK: Making room

    @Test func itGoesBeforeOthersThatWereUsedLongerAgo() throws {
        var harness = Harness(
            models: [.named("b"), .named("a", concurrency: 1, replicas: 2), .named("c")], devices: [.gibibytes(6)])
        harness.boot()
        let b = try harness.start("b")
        let first = try harness.start("a")
        let replica = try harness.startReplica("a")
        harness.wait(.seconds(60))
        harness.lastUsed[replica] = harness.now
        _ = harness.load("c")
        let wanted = try #require(harness.engine(of: "c"))
        #expect(harness.inspect(wanted).evictions == [replica])
        harness.endEngine(replica)
        #expect(harness.phase(of: "c") == .starting)
        for engine in [b, first] { #expect(harness.phase(of: engine) == .ready) }
    }

    @Test func allGoWhereAllAreNeeded() throws {
        var (harness, first, replica) = try readyTwice([.named("big", gibibytes: 4)], gibibytes: 4)
        harness.wait(.seconds(60))
        _ = harness.load("big")
        _ = try harness.inspect("big")
        #expect(harness.actions.evictions == [replica, first])
        for engine in [replica, first] { harness.endEngine(engine) }
        #expect(harness.phase(of: "big") == .starting)
        #expect(harness.engine(of: "a") == nil)
    }

    @Test func whileItIsBusyTheOtherGoesAndItStandsForTheModel() throws {
        var (harness, first, replica) = try readyTwice([.named("c")], gibibytes: 4)
        harness.wait(.seconds(60))
        harness.inFlight[replica] = 1
        _ = harness.load("c")
        _ = try harness.inspect("c")
        #expect(harness.actions.evictions == [first])
        #expect(harness.engine(of: "a") == replica)
        #expect(harness.scheduler.tier(of: "a") == .hot)
        harness.endEngine(first)
        #expect(harness.phase(of: "c") == .starting)
        #expect(harness.scheduler.models["a"]?.engines == [replica])
    }

    @Test func oneThatRefusesToGoServesOn() throws {
        var (harness, first, replica) = try readyTwice([.named("c")], gibibytes: 4)
        harness.wait(.seconds(60))
        harness.inFlight[replica] = 1
        _ = harness.load("c")
        _ = try harness.inspect("c")
        harness.inFlight[first] = 1
        #expect(harness.send(.evictionRefused(first)).first == .publishRoutes)
        #expect(harness.scheduler.models["a"]?.engines == [replica, first])
        harness.inFlight[first] = 0
        let request = harness.request("a")
        #expect(harness.outcomes(of: request) == [.admitted(first)])
    }

    @Test func ofTwoThatAreAlwaysBusyItHasToEndWhatItHas() throws {
        var (harness, first, replica) = try readyTwice([.named("c")], gibibytes: 4)
        harness.inFlight = [first: 1, replica: 1]
        _ = harness.load("c")
        _ = try harness.inspect("c")
        harness.wait(.seconds(31))
        #expect(harness.phase(of: replica) == .draining)
        #expect(harness.phase(of: first) == .ready)
    }

    @Test func aPinnedModelsReplicaIsNotPinned() throws {
        var (harness, first, replica) = try readyTwice([.named("c")], gibibytes: 4, isPinned: true)
        harness.wait(.seconds(60))
        _ = harness.load("c")
        _ = try harness.inspect("c")
        #expect(harness.actions.evictions == [replica])
        harness.endEngine(replica)
        #expect(harness.phase(of: "c") == .starting)
        #expect(harness.phase(of: first) == .ready)
    }

    @Test func clonesAndTheirWeightsGoTogether() throws {
        let model = ModelSpecification.named("a", concurrency: 1, replicas: 2, hasTemplate: true)
        var harness = Harness(models: [model, .named("c", gibibytes: 5)], devices: [.gibibytes(5)])
        harness.boot()
        let process = try harness.makeTemplate("a", weightBytes: Self.weights)
        try harness.putToSleep("a", weightBytes: Self.weights)
        let first = try harness.start("a", weightBytes: Self.weights)
        let replica = try harness.startReplica("a", weightBytes: Self.weights)
        harness.wait(.seconds(60))
        _ = harness.load("c")
        _ = try harness.inspect("c")
        #expect(harness.actions.evictions == [replica, first])
        harness.endEngine(first)
        // The other has the weights still.
        #expect(harness.template(of: "a")?.phase == .ready)
        harness.endEngine(replica)
        #expect(harness.scheduler.processes[process]?.state == .ending(nil))
        harness.endProcesses()
        #expect(harness.phase(of: "c") == .starting)
    }

    @Test func weightsThatOneGoesOnToUseStay() throws {
        let model = ModelSpecification.named("a", concurrency: 1, replicas: 2, hasTemplate: true)
        var harness = Harness(models: [model, .named("c", gibibytes: 5)], devices: [.gibibytes(5)])
        harness.boot()
        try harness.makeTemplate("a", weightBytes: Self.weights)
        try harness.putToSleep("a", weightBytes: Self.weights)
        let first = try harness.start("a", weightBytes: Self.weights)
        let replica = try harness.startReplica("a", weightBytes: Self.weights)
        harness.wait(.seconds(60))
        _ = harness.load("c")
        _ = try harness.inspect("c")
        harness.inFlight[first] = 1
        harness.send(.evictionRefused(first))
        harness.endEngine(replica)
        #expect(harness.template(of: "a")?.phase == .ready)
        #expect(harness.scheduler.models["a"]?.engines == [first])
    }

    @Test func aBusyClonesWeightsStay() throws {
        let model = ModelSpecification.named("a", concurrency: 1, replicas: 2, hasTemplate: true)
        var harness = Harness(models: [model, .named("c", gibibytes: 4)], devices: [.gibibytes(5)])
        harness.boot()
        try harness.makeTemplate("a", weightBytes: Self.weights)
        try harness.putToSleep("a", weightBytes: Self.weights)
        _ = try harness.start("a", weightBytes: Self.weights)
        let replica = try harness.startReplica("a", weightBytes: Self.weights)
        harness.wait(.seconds(20))
        harness.inFlight[replica] = 1
        _ = harness.load("c")
        _ = try harness.inspect("c")
        // Without the weights there would not be enough.
        #expect(harness.actions.evictions == [])
        harness.inFlight[replica] = 0
        #expect(harness.send(.permitReleased(replica)).evictions.count == 2)
    }
}
