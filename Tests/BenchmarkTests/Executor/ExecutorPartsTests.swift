import Foundation
import Testing

@testable import BenchmarkSupport
@testable import executor_benchmark

@Suite struct ExecutorPartsTests {
    @Test func attachToReadyLeavesOutWhatTheFrontEndDoes() {
        let stages = [
            ("queue", 700.0), ("lease", 5), ("config", 20), ("app", 300), ("attach", 50), ("load", 200),
            ("kv_cache", 10), ("warm_up", 40), ("listen", 1),
        ].map { TimedStage(stage: $0.0, milliseconds: $0.1) }
        let kind = StartKind(tier: .warm, placement: .oneWorker)
        #expect(StartsPart.Start(kind: kind, firstTokenMs: 800, stages: stages).attachToReadyMs == 300)
    }

    @Test func startsAreComparedWithTheirRound() {
        func start(_ placement: StartKind.Placement, _ milliseconds: Double) -> StartsPart.Start {
            .init(kind: .init(tier: .warm, placement: placement), firstTokenMs: milliseconds, stages: [])
        }
        // In any order within a round.
        let result = StartsPart.Result(
            rounds: (1...10).map { number in
                let slow = Double(number) * 100
                let round = [start(.inProcess, slow), start(.oneWorker, slow * 1.2)]
                return number.isMultiple(of: 2) ? round : round.reversed()
            })
        #expect(abs((result.interval(.warm, .oneWorker)?.upper ?? 0) - 1.2) < 1e-9)
        #expect(abs((result.ratio(.warm, .oneWorker) ?? 0) - 1.2) < 1e-9)
        #expect(result.ratio(.cold, .oneWorker) == nil)
        #expect(result.ratio(.warm, .groupOfTwo) == nil)
        // Not with another model.
        #expect(result.ratio(.warm, .groupOfOne) == nil)
    }

    @Test func everyKindOfStartHasAModelOfItsOwn() {
        let models = StartsPart.models(
            ModelFolders(
                small: ModelFolder(path: "/s"), divisible: ModelFolder(path: "/d"), large: ModelFolder(path: "/l")))
        #expect(
            models.map(\.name) == [
                "warm-in-process", "warm-remote-1", "warm-divisible-remote-1", "warm-divisible-remote-2",
                "cold-in-process", "cold-remote-1", "cold-divisible-remote-1", "cold-divisible-remote-2",
            ])
        #expect(models.map(\.workers) == [0, 1, 1, 2, 0, 1, 1, 2])
        #expect(models.map(\.path) == ["/s", "/s", "/d", "/d", "/s", "/s", "/d", "/d"])
    }

    @Test func aLeaseIsFoundAmongLogLines() throws {
        let output = """
            2026-11-22 the executor dials
            {"engine":"e-3","generation":{"counter":3,"epoch":1},"lease_ms":1.25,"ready_ms":9.5,"workers":[]}
            {"level":"info"}
            """
        #expect(try LeaseSample(output: output) == LeaseSample(engine: "e-3", leaseMs: 1.25, readyMs: 9.5))
    }

    @Test(arguments: [
        (#"{"refused":"2 workers are asked for, and 1 is there"}"#, "2 workers are asked for"),
        ("the executor failed\n", "the executor failed"), ("", "says nothing"),
    ])
    func noLeaseIsAnErrorWithItsReason(output: String, reason: String) {
        let error = #expect(throws: BenchmarkError.self) { try LeaseSample(output: output) }
        #expect(error?.description.contains(reason) == true)
    }

    @Test func leasesOfAllSizesCountTogether() {
        var result = LeasesPart.Result()
        #expect(result.p99 == nil)
        result.samples[1] = (0..<99).map { _ in LeaseSample(engine: "e", leaseMs: 1, readyMs: 2) }
        result.samples[2] = [LeaseSample(engine: "e", leaseMs: 9, readyMs: 20)]
        #expect(result.all.count == 100)
        #expect(result.leaseMs(2) == [9])
        #expect(abs((result.p99 ?? 0) - 1.08) < 1e-9)
    }

    @Test(arguments: [(1, 1), (200, 1), (201, 2), (20_000, 100)])
    func stockIsTakenAtMost200Times(cycles: Int, interval: Int) {
        #expect(CyclesPart.interval(of: cycles) == interval)
    }

    @Test func whatRunsBesideEndsWhenItIsStopped() throws {
        let turns = try BackgroundLoop(pause: .milliseconds(1)) {}.stop()
        #expect(turns >= 1)
    }

    @Test func plansAreLargeEnough() {
        #expect(Plan.quick.cycles >= Drift.fewestSamples)
        #expect(Plan.quick.simulatedCycles >= Drift.fewestSamples)
        #expect(Plan.full.leases >= 200 && Plan.full.blocks >= 20 && Plan.full.starts >= 10 && Plan.full.parks >= 10)
    }
}
