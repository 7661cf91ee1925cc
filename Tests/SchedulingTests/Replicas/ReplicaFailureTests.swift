import Scheduling
import Testing

/// Replicas that fail, and engines that die beside others.
@Suite struct ReplicaFailureTests {
    private static let device = DeviceID("cpu:0")
    private static let weights = mebibytes(1000)
    private var harness = Harness(models: [.named("a", concurrency: 1, replicas: 2)])
    private let first: EngineID

    init() throws {
        harness.boot()
        first = try harness.start("a")
        harness.wait(.seconds(20))
    }

    /// One request is served, another waits, and a replica is on its way for it.
    private mutating func press() throws -> (request: RequestID, replica: EngineID) {
        harness.inFlight[first] = 1
        let request = harness.request("a")
        return (request, try #require(harness.replicas(of: "a").first))
    }

    private mutating func expectServed(_ request: RequestID, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(harness.outcomes(of: request) == [], sourceLocation: sourceLocation)
        harness.inFlight[first] = 0
        harness.send(.permitReleased(first))
        #expect(harness.outcomes(of: request) == [.admitted(first)], sourceLocation: sourceLocation)
    }

    // MARK: Starts that fail

    @Test mutating func nobodyIsRefusedAndTheNextComesAfterAPause() throws {
        var (request, replica) = try press()
        for pause in [1, 2, 4] {
            harness.inspect(replica)
            harness.fillPools()
            harness.send(.startFailed(replica, try harness.generation(of: replica), reason: "no memory"))
            #expect(
                harness.scheduler.models["a"]?.lastError?.message
                    == "The replica \(replica) of 'a' was not started: 'a' could not be started: no memory")
            harness.endProcesses()
            #expect(harness.replicas(of: "a") == [])
            #expect(harness.wait(.milliseconds(pause * 1000 - 1)).inspections == [])
            #expect(harness.wait(.milliseconds(1)).inspections == ["a"])
            replica = try #require(harness.replicas(of: "a").first)
        }
        // The model itself does not pause.
        #expect(harness.scheduler.models["a"]?.backoff.remaining(at: harness.now) == nil)
        expectServed(request)
    }

    @Test mutating func aFolderThatCannotBeReadIsOneToo() throws {
        let (request, replica) = try press()
        harness.send(.inspectionFailed(replica, ControllerError(.startFailed, "The folder 'a' is not there.")))
        #expect(harness.scheduler.models["a"]?.lastError?.message.contains("is not there") == true)
        #expect(harness.replicas(of: "a") == [])
        expectServed(request)
    }

    @Test mutating func oneThatIsTooSlowIsOneToo() throws {
        let (request, replica) = try press()
        harness.inspect(replica)
        harness.wait(.milliseconds(89_999))
        #expect(harness.phase(of: replica) == .starting)
        harness.wait(.milliseconds(1))
        #expect(harness.phase(of: replica) == .stopping)
        expectServed(request)
    }

    @Test mutating func withoutAProcessItIsCalledOff() throws {
        // The pool's processes do not come up again.
        for role in [ProcessRole.core, .frontEnd] {
            for process in harness.processes(role, .idle) { harness.send(.processGone(process, reason: "killed")) }
        }
        let (request, replica) = try press()
        harness.inspect(replica)
        #expect(harness.phase(of: replica) == .placing)
        harness.wait(.seconds(62))
        #expect(harness.phase(of: replica) == nil)
        #expect(harness.scheduler.models["a"]?.lastError?.message.contains("no process to run in") == true)
        expectServed(request)
    }

    @Test mutating func anotherThatIsReadyIsTheEndOfIt() throws {
        let (_, failed) = try press()
        harness.inspect(failed)
        harness.fillPools()
        harness.send(.startFailed(failed, try harness.generation(of: failed), reason: "no memory"))
        harness.endProcesses()
        harness.wait(.seconds(1))
        let replica = try #require(harness.replicas(of: "a").first)
        harness.inspect(replica)
        try harness.becomeReady(replica)
        #expect(harness.scheduler.models["a"]?.lastError == nil)
    }

    // MARK: Files that have changed

    @Test mutating func otherFilesAreNotServedBesideTheOld() throws {
        let (request, replica) = try press()
        #expect(harness.inspect(replica, fingerprint: "second").assignments == [])
        #expect(harness.replicas(of: "a") == [])
        #expect(harness.scheduler.models["a"]?.lastError?.message.contains("have changed since") == true)
        #expect(harness.wait(.milliseconds(999)).inspections == [])
        #expect(harness.wait(.milliseconds(1)).inspections == ["a"])
        expectServed(request)
    }

    @Test func theirTemplateIsGivenUp() throws {
        var harness = Harness(models: [.named("a", concurrency: 1, replicas: 2, hasTemplate: true)])
        harness.boot()
        let process = try harness.makeTemplate("a", weightBytes: Self.weights)
        let first = try harness.start("a", weightBytes: Self.weights)
        harness.inFlight[first] = 1
        _ = harness.request("a")
        let replica = try #require(harness.replicas(of: "a").first)
        #expect(harness.inspect(replica, weightBytes: Self.weights, fingerprint: "second").ends.contains(process))
        #expect(harness.phase(of: first) == .ready)
    }

    // MARK: Deaths

    @Test mutating func whenItDiesTheOtherServesOn() throws {
        let replica = try harness.startReplica("a")
        harness.wait(.seconds(20))
        harness.inFlight = [first: 1, replica: 1]
        let request = harness.request("a")
        try harness.killCore(of: replica)
        #expect(harness.scheduler.tier(of: "a") == .hot)
        harness.endProcesses()
        #expect(harness.phase(of: first) == .ready)
        #expect(harness.scheduler.models["a"]?.lastError?.code == .engineDied)
        expectServed(request)
    }

    @Test mutating func whenTheOtherDiesItStandsForTheModel() throws {
        let replica = try harness.startReplica("a")
        harness.inFlight = [first: 1, replica: 1]
        let request = harness.request("a")
        try harness.killCore(of: first)
        #expect(harness.engine(of: "a") == replica)
        #expect(harness.scheduler.tier(of: "a") == .hot)
        harness.inFlight[replica] = 0
        harness.send(.permitReleased(replica))
        #expect(harness.outcomes(of: request) == [.admitted(replica)])
        harness.endProcesses()
        #expect(harness.scheduler.models["a"]?.engines == [replica])
        let load = harness.load("a")
        #expect(harness.actions.last == .completeLoad(load, replica))
    }

    @Test mutating func oneThatStartsIsWaitedForThen() throws {
        let (request, replica) = try press()
        harness.inspect(replica)
        harness.fillPools()
        try harness.killCore(of: first)
        #expect(harness.engine(of: "a") == replica)
        let load = harness.load("a")
        harness.endProcesses()
        try harness.becomeReady(replica)
        #expect(harness.outcomes(of: request) == [.admitted(replica)])
        #expect(harness.isLoaded(load))
    }

    @Test mutating func andWhenItFailsThenWhoWaitsIsTold() throws {
        let (request, replica) = try press()
        harness.inspect(replica)
        harness.fillPools()
        try harness.killCore(of: first)
        harness.send(.startFailed(replica, try harness.generation(of: replica), reason: "no memory"))
        #expect(try harness.refusal(of: request).code == .startFailed)
    }

    /// It would have been beside the other only; it must not get ahead of other models in its stead.
    @Test mutating func oneWithoutAPlaceIsCalledOffThen() throws {
        let (request, replica) = try press()
        try harness.killCore(of: first)
        #expect(harness.phase(of: replica) == nil)
        harness.endProcesses()
        let next = try harness.inspect("a")
        #expect(next != replica)
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: request) == [.admitted(next)])
    }

    @Test mutating func onesThatAlwaysDieSoonArePausedForLonger() throws {
        for pause in [1, 2, 4] {
            let (request, replica) = try press()
            harness.inspect(replica)
            harness.fillPools()
            try harness.becomeReady(replica)
            #expect(harness.outcomes(of: request) == [.admitted(replica)])
            harness.inFlight[replica] = 1
            let next = harness.request("a")
            try harness.killCore(of: replica)
            harness.endProcesses()
            #expect(harness.wait(.milliseconds(pause * 1000 - 1)).inspections == [])
            harness.send(.withdraw(next))
            harness.wait(.milliseconds(1))
        }
    }

    // MARK: Templates that end

    @Test func weightsThatTwoShareAreCountedOnceAndHandedOn() throws {
        var harness = Harness(models: [.named("a", concurrency: 1, replicas: 2, hasTemplate: true)])
        harness.boot()
        let process = try harness.makeTemplate("a", weightBytes: Self.weights)
        try harness.putToSleep("a", weightBytes: Self.weights)
        let first = try harness.start("a", weightBytes: Self.weights)
        let replica = try harness.startReplica("a", weightBytes: Self.weights)
        harness.send(.processGone(process, reason: "killed by signal 9"))
        harness.endProcesses()
        for engine in [first, replica] { #expect(harness.phase(of: engine) == .ready) }
        #expect(harness.scheduler.usedBytes(Self.device) == mebibytes(1100 + 2 * 1792))
        try harness.killCore(of: first)
        harness.endProcesses()
        #expect(harness.scheduler.usedBytes(Self.device) == mebibytes(1100 + 1792))
        try harness.killCore(of: replica)
        harness.endProcesses()
        #expect(harness.scheduler.usedBytes(Self.device) == 0)
    }

    @Test func aStartFromOneThatFailsTakesItAlong() throws {
        var harness = Harness(models: [.named("a", concurrency: 1, replicas: 2, hasTemplate: true)])
        harness.boot()
        let process = try harness.makeTemplate("a")
        let first = try harness.start("a")
        harness.inFlight[first] = 1
        let request = harness.request("a")
        let failed = try #require(harness.replicas(of: "a").first)
        harness.inspect(failed)
        let decided = harness.send(.startFailed(failed, try harness.generation(of: failed), reason: "crash"))
        #expect(decided.ends.contains(process))
        harness.endProcesses()
        harness.wait(.seconds(1))
        let replica = try #require(harness.replicas(of: "a").first)
        harness.inspect(replica)
        #expect(harness.scheduler.engines[replica]?.startTier == .cold)
        #expect(harness.outcomes(of: request) == [])
    }
}
