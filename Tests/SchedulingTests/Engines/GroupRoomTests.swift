import Scheduling
import Testing

/// Room for engines that need several devices: all of it, or nobody goes.
@Suite struct GroupRoomTests {
    /// `a` on the first device and `b` on the second, each with 3 of 4 GiB, long enough to be evicted.
    private func occupied(_ models: [ModelSpecification], cuda gibibytes: [Int]) throws -> Harness {
        var harness = Harness(
            models: models + [.named("a", gibibytes: 3), .named("b", gibibytes: 3)], cuda: gibibytes)
        for model in ["a", "b"] { _ = try harness.start(model) }
        #expect(harness.used.prefix(2) == [3, 3])
        harness.wait(.seconds(20))
        return harness
    }

    @Test func bothDevicesAreCleared() throws {
        var harness = try occupied([.group("g")], cuda: [4, 4])
        _ = harness.load("g")
        _ = try harness.inspect("g")
        let models = ["a", "b"]
        #expect(harness.actions.evictions == models.compactMap { harness.engine(of: $0) })
        for engine in harness.actions.evictions {
            #expect(harness.actions.assignments.count == 2)
            harness.send(.permitReleased(engine))
            harness.settle()
        }
        #expect(harness.ranks(of: "g") == ["cuda:0", "cuda:1"])
        #expect(harness.used == [3, 3])
    }

    @Test func noMoreDevicesAreClearedThanIsNeeded() throws {
        var harness = try occupied([.group("g")], cuda: [4, 4, 4])
        _ = harness.load("g")
        _ = try harness.inspect("g")
        let evicted = harness.actions.evictions
        #expect(evicted == [try #require(harness.engine(of: "a"))])
        harness.send(.permitReleased(evicted[0]))
        harness.settle()
        #expect(Set(try #require(harness.ranks(of: "g"))) == ["cuda:0", "cuda:2"])
        #expect(harness.phase(of: "b") == .ready)
    }

    @Test func theDeviceWithSomethingIdleIsClearedBeforeOneThatIsBusy() throws {
        var harness = try occupied([.group("g")], cuda: [4, 4, 4])
        harness.inFlight = [try #require(harness.engine(of: "a")): 1]
        _ = harness.load("g")
        _ = try harness.inspect("g")
        #expect(harness.actions.evictions == [try #require(harness.engine(of: "b"))])
    }

    @Test func nobodyGoesWhereOneDeviceCannotBeCleared() throws {
        var harness = try occupied([.group("g"), .named("c", gibibytes: 1)], cuda: [4, 4])
        let busy = try #require(harness.engine(of: "b"))
        harness.inFlight = [busy: 1]
        _ = harness.load("g")
        let actions = harness.inspect(try #require(harness.engine(of: "g")))
        #expect(actions.evictions.isEmpty)
        #expect(actions.contains(.watch(busy, below: 1)))
        // There is memory for it beside the others, but who came first would never have enough then.
        _ = harness.load("c")
        _ = try harness.inspect("c")
        #expect(harness.phase(of: "c") == .placing)
        harness.inFlight = [:]
        #expect(harness.send(.permitReleased(busy)).evictions.count == 2)
    }

    @Test func whoeverIsBusyForLongHasToLeaveWithTheOthers() throws {
        var harness = try occupied([.group("g")], cuda: [4, 4])
        let busy = try #require(harness.engine(of: "b"))
        harness.inFlight = [busy: 1]
        _ = harness.load("g")
        _ = try harness.inspect("g")
        harness.wait(.seconds(29))
        #expect(harness.actions.evictions.isEmpty)
        let actions = harness.wait(.seconds(2))
        #expect(actions.contains(.drain(busy)))
        #expect(actions.evictions == [try #require(harness.engine(of: "a"))])
    }

    @Test func aDeviceThatNobodyWaitsForGoesToTheNext() throws {
        var harness = try occupied([.group("g"), .named("c", gibibytes: 1)], cuda: [4, 4, 4])
        // It waits for the third device and the first; the second is for others.
        harness.inFlight = [try #require(harness.engine(of: "a")): 1, try #require(harness.engine(of: "b")): 1]
        _ = harness.load("g")
        _ = try harness.inspect("g")
        _ = harness.load("c")
        _ = try harness.inspect("c")
        #expect(harness.ranks(of: "c") == ["cuda:1"])
    }

    @Test func anEvictedGroupFreesAllItsDevicesAndGoesOnce() throws {
        var harness = Harness(models: [.group("g"), .group("h")], cuda: [4, 4])
        let first = try harness.startGroup("g")
        harness.wait(.seconds(20))
        _ = harness.load("h")
        _ = try harness.inspect("h")
        #expect(harness.actions.evictions == [first])
        harness.send(.permitReleased(first))
        // Its memory is free when its last worker is gone.
        #expect(harness.used == [3, 3])
        #expect(harness.phase(of: "h") == .placing)
        harness.settle()
        #expect(harness.ranks(of: "h") == ["cuda:0", "cuda:1"])
        #expect(harness.used == [3, 3])
    }

    @Test func twoGroupsAtOnceDoNotWaitForEachOther() throws {
        var harness = Harness(models: [.group("g"), .group("h")], cuda: [4, 4])
        for model in ["g", "h"] {
            _ = harness.load(model)
            _ = try harness.inspect(model)
        }
        // There are workers for both by now, and memory for one of them: it has all of it.
        harness.fillWorkers()
        #expect(harness.phase(of: "g") == .starting)
        #expect(harness.phase(of: "h") == .placing)
        let engine = try harness.becomeReady("g")
        harness.acceptLeases()
        _ = harness.unload("g")
        harness.send(.permitReleased(engine))
        harness.settle()
        #expect(harness.ranks(of: "h") == ["cuda:0", "cuda:1"])
    }

    // MARK: Loss

    @Test func aWorkerThatIsLostOnOneDeviceEndsTheEngineOnAll() throws {
        var harness = Harness(models: [.group("g")], cuda: [4, 4])
        let engine = try harness.startGroup("g")
        harness.wait(.seconds(20))
        let workers = try #require(harness.scheduler.engines[engine]?.workers)
        harness.send(.processGone(workers[1], reason: "killed by signal 9"))
        #expect(harness.phase(of: engine) == .stopping)
        // The other rank still holds its part.
        #expect(harness.used == [3, 3])
        harness.settle()
        #expect(harness.used == [0, 0])
        #expect(harness.phase(of: engine) == nil)
        _ = try harness.startGroup("g")
        #expect(harness.used == [3, 3])
    }

    @Test func aParkedGroupGivesItsDevicesBackAndReturnsToThem() throws {
        var harness = Harness(models: [.group("g"), .named("a")], cuda: [4, 4, 8])
        _ = try harness.start("a")
        let engine = try harness.startGroup("g")
        let lease = try harness.grantWorkers(to: engine)
        let place = try #require(harness.ranks(of: "g"))
        #expect(place == ["cuda:2", "cuda:1"])
        try harness.park(engine, of: "g", holding: lease)
        #expect(harness.used == [2, 0, 0])
        _ = harness.request("g")
        _ = try harness.inspect("g")
        harness.fillWorkers()
        #expect(harness.phase(of: "g") == .resuming)
        #expect(harness.ranks(of: "g") == place)
        #expect(harness.used == [2, 3, 3])
    }

    @Test func whatAParkedEngineHoldsItselfDoesNotMakeRoomForIt() throws {
        // 1.5 of 4 GiB, of which it keeps 0.25 while it is parked; the other takes 2.625 and is never evicted.
        let pinned = ModelSpecification(
            name: "pinned", runtime: .simulated, concurrency: 4, startTimeout: .seconds(90), isPinned: true,
            kvCacheBytes: 2 << 30 + 128 << 20)
        var harness = Harness(models: [.group("g", gibibytes: 1), pinned], devices: [.gibibytes(4)])
        harness.boot()
        harness.fillWorkers()
        let engine = try harness.startGroup("g")
        let lease = try harness.grantWorkers(to: engine)
        try harness.park(engine, of: "g", holding: lease)
        #expect(harness.used == [0.25])
        _ = try harness.start("pinned")
        let request = harness.request("g")
        _ = try harness.inspect("g")
        let refusal = try harness.refusal(of: request)
        #expect(refusal.code == .outOfMemory)
        #expect(refusal.message.contains("pinned models hold 2688 MiB"), "\(refusal.message)")
        #expect(harness.phase(of: engine) == .asleep)
    }
}
