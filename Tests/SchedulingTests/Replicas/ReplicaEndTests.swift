import Scheduling
import Testing

/// How several engines of a model end.
@Suite struct ReplicaEndTests {
    private static let weights = mebibytes(1000)

    /// Two engines of `a`, with nothing in either.
    private func ready(
        idleTimeout: Duration? = nil, isPinned: Bool = false, hasTemplate: Bool = false,
        device: DeviceSpecification = .gibibytes(16)
    ) throws -> (Harness, EngineID, EngineID) {
        let model = ModelSpecification.named(
            "a", concurrency: 1, replicas: 3, isPinned: isPinned, idleTimeout: idleTimeout, hasTemplate: hasTemplate)
        var harness = Harness(models: [model], devices: [device])
        harness.boot()
        let weights = hasTemplate ? Self.weights : 0
        if hasTemplate { try harness.makeTemplate("a", weightBytes: weights) }
        let first = try harness.start("a", weightBytes: weights)
        let replica = try harness.startReplica("a", weightBytes: weights)
        return (harness, first, replica)
    }

    // MARK: Idle for long

    @Test func eachHasItsOwnTime() throws {
        var (harness, first, replica) = try ready(idleTimeout: .seconds(60))
        harness.wait(.seconds(30))
        harness.lastUsed[first] = harness.now
        #expect(harness.wait(.milliseconds(29_999)).evictions == [])
        #expect(harness.wait(.milliseconds(1)).evictions == [replica])
        harness.endEngine(replica)
        #expect(harness.scheduler.models["a"]?.engines == [first])
        #expect(harness.scheduler.tier(of: "a") == .hot)
        #expect(harness.wait(.seconds(30)).evictions == [first])
    }

    @Test func onlyTheLastOneLeadsToSleep() throws {
        var (harness, first, replica) = try ready(idleTimeout: .seconds(60), hasTemplate: true)
        #expect(harness.wait(.seconds(60)).evictions == [replica, first])
        harness.endEngine(first)
        #expect(harness.actions.templateInspections == ["a"])
        harness.endEngine(replica)
        harness.inspectTemplate("a", weightBytes: Self.weights)
        try harness.finishPreparing("a")
        #expect(harness.scheduler.tier(of: "a") == .asleep)
    }

    @Test func itsWeightsMayHaveTheMemoryOfAll() throws {
        let model = ModelSpecification.named(
            "a", concurrency: 1, replicas: 2, idleTimeout: .seconds(60), hasTemplate: true)
        var harness = Harness(models: [model, .named("b", gibibytes: 5)], devices: [.gibibytes(7)])
        harness.boot()
        try harness.makeTemplate("a", weightBytes: Self.weights)
        let first = try harness.start("a", weightBytes: Self.weights)
        let replica = try harness.startReplica("a", weightBytes: Self.weights)
        harness.send(.measured(first, bytes: mebibytes(300)))
        harness.send(.measured(replica, bytes: mebibytes(600)))
        let b = try harness.start("b")
        harness.send(.measured(b, bytes: mebibytes(5700)))
        // 440 MiB are free, and 1100 are needed.
        harness.wait(.seconds(60))
        for engine in [replica, first] { harness.endEngine(engine) }
        harness.inspectTemplate("a", weightBytes: Self.weights)
        try harness.finishPreparing("a")
        #expect(harness.scheduler.tier(of: "a") == .asleep)
    }

    @Test func theOneThatIsUsedStays() throws {
        var (harness, first, replica) = try ready(idleTimeout: .seconds(60), hasTemplate: true)
        harness.wait(.seconds(30))
        harness.lastUsed[replica] = harness.now
        #expect(harness.wait(.seconds(30)).evictions == [first])
        harness.endEngine(first)
        #expect(harness.engine(of: "a") == replica)
        #expect(harness.scheduler.tier(of: "a") == .hot)
        // The model did not begin to fall asleep.
        #expect(harness.actions.templateInspections == ["a"])
        #expect(harness.scheduler.models["a"]?.wantsSleep == false)
    }

    @Test func aRequestInTheLastMomentKeepsTheModelAwake() throws {
        var (harness, first, replica) = try ready(idleTimeout: .seconds(60), hasTemplate: true)
        harness.wait(.seconds(60))
        harness.inFlight[replica] = 1
        harness.send(.evictionRefused(replica))
        #expect(harness.engine(of: "a") == replica)
        harness.endEngine(first)
        #expect(harness.scheduler.models["a"]?.engines == [replica])
        #expect(harness.scheduler.models["a"]?.wantsSleep == false)
    }

    @Test func aPinnedModelKeepsOne() throws {
        var (harness, first, replica) = try ready(idleTimeout: .seconds(60), isPinned: true)
        #expect(harness.wait(.seconds(600)).evictions == [replica])
        #expect(harness.phase(of: first) == .ready)
    }

    // MARK: Unload

    @Test func anUnloadEndsAll() throws {
        var (harness, first, replica) = try ready()
        harness.inFlight = [first: 1, replica: 1]
        let request = harness.request("a")
        let coming = try #require(harness.replicas(of: "a").last)
        harness.inspect(coming)
        #expect(harness.phase(of: coming) == .starting)
        let unload = harness.unload("a")
        #expect(try harness.refusal(of: request).message == "The model was unloaded while this waited.")
        #expect(harness.phase(of: coming) == .stopping)
        harness.inFlight = [:]
        harness.endEngine(first)
        #expect(harness.unloaded(unload) == nil)
        harness.endEngine(replica)
        #expect(harness.unloaded(unload) == [first, replica, coming])
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 0)
    }

    @Test func oneThatIsOnlyBeingLookedAtIsCalledOff() throws {
        var (harness, first, replica) = try ready()
        harness.inFlight = [first: 1, replica: 1]
        _ = harness.request("a")
        let coming = try #require(harness.replicas(of: "a").last)
        _ = harness.unload("a")
        #expect(harness.phase(of: coming) == nil)
        #expect(harness.inspect(coming) == [])
    }

    @Test func theirWeightsGoWithTheLast() throws {
        var (harness, first, replica) = try ready(hasTemplate: true)
        let sleep = harness.sleep("a")
        for engine in [first, replica] { harness.endEngine(engine) }
        harness.inspectTemplate("a", weightBytes: Self.weights)
        try harness.finishPreparing("a")
        harness.fillPools()
        #expect(harness.isAsleep(sleep))
        let clone = try harness.start("a", weightBytes: Self.weights)
        let other = try harness.startReplica("a", weightBytes: Self.weights)
        let unload = harness.unload("a")
        harness.endEngine(clone)
        #expect(harness.template(of: "a")?.phase == .ready)
        harness.endEngine(other)
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [clone, other])
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 0)
    }

    // MARK: Sleep

    @Test func aSleepEndsAllFirst() throws {
        var (harness, first, replica) = try ready(hasTemplate: true)
        harness.inFlight = [first: 1, replica: 1]
        _ = harness.request("a")
        let coming = try #require(harness.replicas(of: "a").last)
        harness.inspect(coming, weightBytes: Self.weights)
        let command = harness.sleep("a")
        #expect(harness.phase(of: coming) == .stopping)
        for engine in [first, replica] { #expect(harness.phase(of: engine) == .draining) }
        harness.inFlight = [:]
        harness.endEngine(first)
        #expect(harness.actions.templateInspections == ["a"])
        harness.endEngine(replica)
        // The request that waited starts it again; the sleep goes on beside that.
        harness.inspectTemplate("a", weightBytes: Self.weights)
        try harness.finishPreparing("a")
        #expect(harness.isAsleep(command))
    }

    @Test func whileItLastsNoneIsStarted() throws {
        var (harness, first, replica) = try ready(hasTemplate: true)
        let command = harness.sleep("a")
        for engine in [first, replica] { harness.endEngine(engine) }
        harness.inspectTemplate("a", weightBytes: Self.weights)
        // A request starts it again while its weights are loaded.
        let engine = try harness.start("a", weightBytes: Self.weights)
        harness.inFlight[engine] = 1
        _ = harness.request("a")
        #expect(harness.replicas(of: "a") == [])
        try harness.finishPreparing("a")
        #expect(harness.isAsleep(command))
        harness.send(.tick)
        #expect(harness.replicas(of: "a").count == 1)
    }

    @Test func onADeviceThatIsNoCPUOnlyOneSleeps() throws {
        var (harness, first, replica) = try ready(device: .gibibytes(16, id: "cuda:0"))
        harness.inFlight[replica] = 1
        let command = harness.sleep("a")
        harness.send(.permitReleased(first))
        #expect(harness.actions.suspensions == [first])
        harness.send(.suspended(first, try harness.generation(of: first)))
        #expect(harness.phase(of: first) == .asleep)
        // The memory of the other is not back yet.
        #expect(!harness.isAsleep(command))
        harness.inFlight[replica] = 0
        harness.endEngine(replica)
        #expect(harness.isAsleep(command))
        #expect(harness.scheduler.models["a"]?.engines == [first])
    }

    @Test func oneThatIsWokenMeanwhileWasAsleep() throws {
        var (harness, first, replica) = try ready(device: .gibibytes(16, id: "cuda:0"))
        harness.inFlight[replica] = 1
        let command = harness.sleep("a")
        harness.send(.permitReleased(first))
        harness.send(.suspended(first, try harness.generation(of: first)))
        let request = harness.request("a")
        harness.inspect(first)
        #expect(harness.isAsleep(command))
        harness.send(.resumed(first, try harness.generation(of: first)))
        #expect(harness.outcomes(of: request) == [.admitted(first)])
    }

    @Test func oneWhoseFilesHaveChangedMeanwhileNeverWasAsleep() throws {
        var (harness, first, replica) = try ready(device: .gibibytes(16, id: "cuda:0"))
        harness.inFlight[replica] = 1
        let command = harness.sleep("a")
        harness.send(.permitReleased(first))
        harness.send(.suspended(first, try harness.generation(of: first)))
        _ = harness.request("a")
        harness.inspect(first, fingerprint: "second")
        #expect(harness.phase(of: first) == .stopping)
        #expect(harness.sleepFailure(command)?.code == .conflict)
        harness.endProcesses()
        harness.inFlight[replica] = 0
        harness.endEngine(replica)
        #expect(!harness.isAsleep(command))
    }

    @Test func anIdleTimeoutOfBothSuspendsOne() throws {
        var (harness, first, replica) = try ready(
            idleTimeout: .seconds(60), device: .gibibytes(16, id: "cuda:0"))
        #expect(harness.wait(.seconds(60)).evictions == [replica, first])
        harness.send(.permitReleased(replica))
        #expect(harness.send(.permitReleased(first)) == [.suspend(first)])
        harness.endProcesses()
        harness.send(.suspended(first, try harness.generation(of: first)))
        #expect(harness.scheduler.models["a"]?.engines == [first])
        #expect(harness.scheduler.tier(of: "a") == .asleep)
    }

    @Test func oneThatWouldSleepBesideAnotherIsEnded() throws {
        var (harness, first, replica) = try ready(
            idleTimeout: .seconds(60), device: .gibibytes(16, id: "cuda:0"))
        harness.wait(.seconds(60))
        harness.send(.permitReleased(first))
        #expect(harness.phase(of: first) == .suspending)
        harness.inFlight[replica] = 1
        harness.send(.evictionRefused(replica))
        #expect(harness.phase(of: first) == .stopping)
        harness.endProcesses()
        #expect(harness.scheduler.models["a"]?.engines == [replica])
        #expect(harness.scheduler.tier(of: "a") == .hot)
        #expect(harness.scheduler.models["a"]?.wantsSleep == false)
    }

    // MARK: Shutdown

    @Test func aShutdownEndsAll() throws {
        var (harness, first, replica) = try ready()
        harness.inFlight = [first: 1, replica: 1]
        let request = harness.request("a")
        let coming = try #require(harness.replicas(of: "a").last)
        harness.send(.shutdown)
        #expect(try harness.refusal(of: request).code == .shuttingDown)
        #expect(harness.phase(of: coming) == nil)
        harness.inFlight = [:]
        for engine in [first, replica] { harness.endEngine(engine) }
        for _ in 0..<2 { harness.endProcesses() }
        #expect(harness.actions.last == .finished)
    }
}
