import Scheduling
import Testing

/// A device of 4 GiB and models of 2: the third needs room.
@Suite struct EvictionTests {
    private var harness = Harness(
        models: [.named("a"), .named("b"), .named("c"), .named("big", gibibytes: 4)], devices: [.gibibytes(4)])

    init() { harness.boot() }

    private mutating func startBoth() throws -> (a: EngineID, b: EngineID) {
        let a = try harness.start("a")
        harness.wait(.seconds(1))
        let b = try harness.start("b")
        harness.wait(.seconds(20))
        return (a, b)
    }

    private mutating func want(_ model: String) throws -> [SchedulerAction] {
        _ = harness.load(model)
        let before = harness.actions.count
        _ = try harness.inspect(model)
        return Array(harness.actions[before...])
    }

    @Test mutating func theLeastRecentlyUsedGoesAndItsMemoryIsSeenFree() throws {
        let (a, b) = try startBoth()
        harness.lastUsed[a] = harness.now
        harness.inFlight[a] = 0
        let decided = try want("c")
        #expect(decided == [.evict(b), .publishRoutes, .watch(b, below: 1)])
        #expect(harness.send(.permitReleased(b)).ends.count == 2)
        #expect(harness.actions.assignments.count == 2)
        harness.endProcesses()
        #expect(harness.actions.assignments.last?.model == "c")
        #expect(harness.phase(of: "a") == .ready)
        #expect(harness.engine(of: "b") == nil)
    }

    @Test mutating func oneThatWasNeverUsedCountsFromWhenItWasReady() throws {
        let (a, _) = try startBoth()
        #expect(try want("c").evictions == [a])
    }

    @Test mutating func asManyGoAsAreNeededTogether() throws {
        let (a, b) = try startBoth()
        #expect(try want("big").evictions == [a, b])
    }

    @Test mutating func aBusyOneStaysUntilItIsIdle() throws {
        let (a, b) = try startBoth()
        harness.inFlight = [a: 1, b: 1]
        let decided = try want("c")
        #expect(decided == [.watch(a, below: 1), .watch(b, below: 1)])
        harness.inFlight[b] = 0
        harness.lastUsed[b] = harness.now
        #expect(harness.send(.permitReleased(b)).evictions == [b])
        #expect(harness.phase(of: "a") == .ready)
    }

    @Test mutating func oneThatIsAlwaysBusyHasToEndWhatItHas() throws {
        let (a, b) = try startBoth()
        harness.inFlight = [a: 1, b: 1]
        _ = try want("c")
        // A quarter of the queue's timeout.
        harness.wait(.seconds(31))
        #expect(harness.phase(of: "a") == .draining)
        #expect(harness.phase(of: "b") == .ready)
        harness.inFlight[a] = 0
        harness.send(.permitReleased(a))
        harness.endProcesses()
        #expect(harness.actions.assignments.last?.model == "c")
    }

    @Test mutating func aLoadThatCannotBePlacedIsRefusedInTheEnd() throws {
        harness = Harness(models: [.named("a", isPinned: false), .named("c")], devices: [.gibibytes(2)])
        harness.boot()
        let a = try harness.start("a")
        harness.inFlight[a] = 1
        let before = harness.actions.count
        let load = harness.load("c")
        _ = try harness.inspect("c")
        // It drains, but what it has does not end before its time.
        harness.wait(.seconds(121))
        let failed = harness.actions[before...].contains {
            if case .failLoad(load, let error, _) = $0 { error.code == .deadlinePassed } else { false }
        }
        #expect(failed)
    }

    @Test mutating func nobodyGoesIfThatWouldNotBeEnough() throws {
        let (a, _) = try startBoth()
        harness.inFlight[a] = 1
        #expect(try want("big") == [.watch(a, below: 1)])
        #expect(harness.phase(of: "b") == .ready)
    }

    @Test mutating func aPinnedOneStays() throws {
        harness = Harness(models: [.named("a", isPinned: true), .named("b"), .named("c")], devices: [.gibibytes(4)])
        harness.boot()
        let (_, b) = try startBoth()
        #expect(try want("c").evictions == [b])
    }

    @Test mutating func whatPinnedOnesHoldIsSaid() throws {
        harness = Harness(models: [.named("a", isPinned: true), .named("c", gibibytes: 3)], devices: [.gibibytes(4)])
        harness.boot()
        _ = try harness.start("a")
        let request = harness.request("c")
        _ = try harness.inspect("c")
        let error = try harness.refusal(of: request)
        #expect(error.code == .outOfMemory)
        #expect(error.message.contains("4096 MiB, of which pinned models hold 2048 MiB, and 3072 MiB are needed"))
    }

    @Test mutating func aPinnedOneThatIsUnloadedIsWaitedFor() throws {
        harness = Harness(models: [.named("a", isPinned: true), .named("c", gibibytes: 3)], devices: [.gibibytes(4)])
        harness.boot()
        let a = try harness.start("a")
        _ = harness.unload("a")
        let request = harness.request("c")
        _ = try harness.inspect("c")
        #expect(harness.outcomes(of: request) == [])
        harness.send(.permitReleased(a))
        harness.endProcesses()
        #expect(harness.phase(of: "c") == .starting)
    }

    @Test mutating func aNewOneStaysForItsMinimumResidency() throws {
        let a = try harness.start("a")
        let readyAt = harness.now
        let b = try harness.start("b")
        harness.wait(.seconds(4))
        #expect(try want("c") == [])
        // Nothing else needs to happen: a tick comes when the time is over.
        #expect(harness.scheduler.nextDeadline == readyAt + .seconds(10))
        #expect(harness.wait(.milliseconds(5_999)) == [])
        #expect(harness.wait(.milliseconds(1)).evictions == [a])
        #expect(harness.scheduler.engines[b]?.phase == .ready)
    }

    @Test mutating func oneThatLoadsIsNoVictim() throws {
        _ = harness.load("a")
        _ = try harness.inspect("a")
        harness.fillPools()
        _ = harness.load("b")
        _ = try harness.inspect("b")
        harness.fillPools()
        #expect(try want("c") == [])
        harness.wait(.seconds(30))
        #expect(harness.actions.evictions.isEmpty)
        let a = try harness.becomeReady("a")
        #expect(harness.wait(.seconds(10)).evictions == [a])
    }

    @Test mutating func whoIsBehindDoesNotTakeTheRoomThatIsMade() throws {
        harness = Harness(
            models: [.named("a", gibibytes: 3), .named("big", gibibytes: 4), .named("small", gibibytes: 1)],
            devices: [.gibibytes(4)])
        harness.boot()
        let a = try harness.start("a")
        harness.wait(.seconds(20))
        harness.inFlight[a] = 1
        _ = try want("big")
        _ = try want("small")
        #expect(harness.phase(of: "small") == .placing)
        harness.inFlight[a] = 0
        harness.send(.permitReleased(a))
        harness.send(.permitReleased(a))
        harness.endProcesses()
        #expect(harness.phase(of: "big") == .starting)
        #expect(harness.phase(of: "small") == .placing)
    }
}
