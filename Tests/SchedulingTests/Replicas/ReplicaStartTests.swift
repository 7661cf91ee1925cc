import Scheduling
import Testing

/// `a` may have one request in each of its engines, of 2 GiB.
@Suite struct ReplicaStartTests {
    private var harness: Harness
    private let first: EngineID

    init() throws {
        (harness, first) = try Self.ready()
    }

    private static func ready(
        replicas: Int = 2, others: [ModelSpecification] = [.named("b")], gibibytes: Int = 8
    ) throws -> (Harness, EngineID) {
        var harness = Harness(
            models: [.named("a", concurrency: 1, replicas: replicas)] + others, devices: [.gibibytes(gibibytes)])
        harness.boot()
        let engine = try harness.start("a")
        return (harness, engine)
    }

    @Test mutating func whoFindsNoPermitBringsAnotherEngine() throws {
        harness.inFlight[first] = 1
        let request = harness.request("a")
        let replica = try #require(harness.replicas(of: "a").first)
        #expect(harness.actions.suffix(2) == [.watch(first, below: 1), .inspect(replica, model: "a")])
        #expect(harness.inspect(replica).assignments.map(\.engine) == [replica])
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 4 << 30)
        #expect(harness.outcomes(of: request) == [])
        harness.wait(.milliseconds(200))
        let decided = try harness.becomeReady(replica)
        #expect(decided.contains(.publishRoutes))
        // It waited for this start.
        let tiers = decided.compactMap { if case .admit(request, replica, let tier, _) = $0 { tier } else { nil } }
        #expect(tiers == [.cold])
        #expect(harness.scheduler.models["a"]?.engines == [first, replica])
        #expect(harness.scheduler.tier(of: "a") == .hot)
    }

    @Test mutating func aFreePermitIsTakenInstead() throws {
        let request = harness.request("a")
        #expect(harness.outcomes(of: request) == [.admitted(first)])
        #expect(harness.replicas(of: "a") == [])
    }

    @Test mutating func oneThatIsReleasedMeanwhileIsTakenAndTheStartGoesOn() throws {
        harness.inFlight[first] = 1
        let request = harness.request("a")
        let replica = try #require(harness.replicas(of: "a").first)
        harness.inspect(replica)
        harness.inFlight[first] = 0
        harness.send(.permitReleased(first))
        #expect(harness.outcomes(of: request) == [.admitted(first)])
        harness.inFlight[first] = 1
        try harness.becomeReady(replica)
        let next = harness.request("a")
        #expect(harness.outcomes(of: next) == [.admitted(replica)])
    }

    @Test mutating func eachRequestGoesToTheEngineWithTheFewest() throws {
        var harness = Harness(models: [.named("a", concurrency: 3, replicas: 2)])
        harness.boot()
        let first = try harness.start("a")
        harness.inFlight[first] = 3
        let requests = (0..<5).map { _ in harness.request("a") }
        let replica = try #require(harness.replicas(of: "a").first)
        harness.inspect(replica)
        harness.inFlight[first] = 1
        try harness.becomeReady(replica)
        let engines = requests.map { harness.outcomes(of: $0) }
        #expect(engines.prefix(3) == [[.admitted(replica)], [.admitted(first)], [.admitted(replica)]])
        #expect(engines.suffix(2) == [[.admitted(first)], [.admitted(replica)]])
    }

    @Test mutating func oneAtATimeAndNoMoreThanAreAllowed() throws {
        (harness, _) = try Self.ready(replicas: 3)
        harness.inFlight[first] = 1
        for _ in 0..<9 { _ = harness.request("a") }
        for count in 1...2 {
            #expect(harness.replicas(of: "a").count == count)
            let replica = try #require(harness.replicas(of: "a").last)
            harness.inspect(replica)
            harness.fillPools()
            #expect(harness.replicas(of: "a").count == count)
            harness.inFlight[replica] = 1
            try harness.becomeReady(replica)
        }
        #expect(harness.replicas(of: "a").count == 2)
    }

    @Test mutating func withoutTheSettingThereIsOne() throws {
        (harness, _) = try Self.ready(replicas: 1)
        harness.inFlight[first] = 1
        _ = harness.request("a")
        #expect(harness.actions.last == .watch(first, below: 1))
        #expect(harness.actions.inspections == ["a"])
    }

    @Test mutating func aReleaseOfEitherIsHeard() throws {
        harness.inFlight[first] = 1
        let admitted = harness.request("a")
        let replica = try #require(harness.replicas(of: "a").first)
        harness.inspect(replica)
        try harness.becomeReady(replica)
        #expect(harness.outcomes(of: admitted) == [.admitted(replica)])
        harness.inFlight[replica] = 1
        let request = harness.request("a")
        #expect(harness.actions.suffix(2) == [.watch(first, below: 1), .watch(replica, below: 1)])
        harness.inFlight[replica] = 0
        harness.send(.permitReleased(replica))
        #expect(harness.outcomes(of: request) == [.admitted(replica)])
    }

    @Test mutating func anEngineThatIsDyingGetsNothingAndIsNotReplacedSoFar() throws {
        harness.inFlight[first] = 0
        harness.dying = [first]
        let request = harness.request("a")
        #expect(harness.outcomes(of: request) == [])
        let decided = harness.send(.returned(RequestID(0), model: "a", bytes: 1, waitedSince: harness.now))
        #expect(decided.admissions == [])
        #expect(harness.replicas(of: "a") == [])
    }

    @Test mutating func aLoadedModelIsLoadedHoweverManyServeIt() throws {
        harness.inFlight[first] = 1
        _ = harness.request("a")
        let load = harness.load("a")
        #expect(harness.actions.contains(.completeLoad(load, first)))
    }

    // MARK: Names of engines

    @Test mutating func whoNamesAnEngineGetsThatOne() throws {
        harness.inFlight[first] = 1
        let admitted = harness.request("a")
        let replica = try #require(harness.replicas(of: "a").first)
        harness.inspect(replica)
        try harness.becomeReady(replica)
        #expect(harness.outcomes(of: admitted) == [.admitted(replica)])
        let named = harness.request(first.description)
        let other = harness.request("a")
        #expect(harness.outcomes(of: named) == [])
        #expect(harness.outcomes(of: other) == [.admitted(replica)])
        // Nobody is told of the other's permits for ever.
        #expect(harness.send(.permitReleased(replica)) == [.watch(first, below: 1)])
        harness.inFlight[first] = 0
        harness.send(.permitReleased(first))
        #expect(harness.outcomes(of: named) == [.admitted(first)])
    }

    @Test mutating func itAloneBringsNoOther() throws {
        harness.inFlight[first] = 1
        _ = harness.request(first.description)
        #expect(harness.replicas(of: "a") == [])
    }

    @Test mutating func withThatOneGoneItIsRefused() throws {
        harness.inFlight[first] = 1
        let named = harness.request(first.description)
        try harness.killCore(of: first)
        #expect(harness.outcomes(of: named) == [])
        harness.endProcesses()
        #expect(try harness.refusal(of: named).code == .engineDied)
        #expect(harness.engine(of: "a") == nil)
    }
}
