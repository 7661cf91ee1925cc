import Scheduling
import Testing

/// Workers in the place of leased ones.
@Suite struct WorkerSupplyTests {
    /// Both of its workers are leased, and have not answered yet.
    private func leased() throws -> Harness {
        var harness = Harness(models: [.group("g"), .group("h", gibibytes: 1)], cuda: [4, 4])
        _ = harness.load("g")
        _ = try harness.inspect("g")
        #expect(harness.ranks(of: "g") == ["cuda:0", "cuda:1"])
        #expect(harness.processes(.worker, .starting).isEmpty)
        return harness
    }

    @Test func areForkedWhenTheLeaseIsTaken() throws {
        var harness = try leased()
        harness.acceptLeases()
        #expect(harness.processes(.worker, .starting).count == 2)
    }

    @Test func doNotWaitForOneThatHangs() throws {
        var harness = try leased()
        harness.wait(.milliseconds(99))
        harness.send(.tick)
        #expect(harness.processes(.worker, .starting).isEmpty)
        harness.wait(.milliseconds(1))
        harness.send(.tick)
        #expect(harness.processes(.worker, .starting).count == 2)
    }

    @Test func doNotWaitWhereAnotherEngineNeedsThem() throws {
        var harness = try leased()
        _ = harness.load("h")
        _ = try harness.inspect("h")
        #expect(harness.phase(of: "h") == .placing)
        #expect(harness.processes(.worker, .starting).count == 2)
    }
}
