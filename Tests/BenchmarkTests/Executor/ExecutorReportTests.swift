import Foundation
import Testing

@testable import BenchmarkSupport
@testable import executor_benchmark

@Suite struct ExecutorReportTests {
    private func report() -> Report {
        Report(
            command: ["bench"], date: Date(timeIntervalSince1970: 0), seed: 1, isQuick: false, plan: .full,
            parts: [.decode], machine: .current())
    }

    private func missed(_ report: Report) -> [String] { report.bars.filter { !$0.isMet }.map(\.name) }

    @Test func aPartThatWasNotMeasuredHasNoBar() {
        #expect(report().bars.map(\.name) == ["processes left over"])
        #expect(report().tables.hasPrefix("To be reached"))
    }

    @Test func decodingIsJudgedAgainstStocksOwnWorker() {
        var report = report()
        func decode(_ steps: [ExecutorSide: Double]) -> DecodeResult<ExecutorSide> {
            .init(
                sides: Array(steps.keys), threads: steps.mapValues { _ in 1 },
                blocks: (0..<20).map { _ in steps.mapValues { .init(stepMs: $0, firstTokenMs: [30]) } })
        }
        report.decode = decode([.remote: 10.4, .stockMultiprocess: 10, .inProcess: 5])
        #expect(missed(report) == [])
        report.decode = decode([.remote: 10.6, .stockMultiprocess: 10])
        report.decode?.threads[.remote] = 2
        #expect(
            missed(report) == [
                "time per token: remote / stock multiprocess, worse end",
                "threads that compute, difference of these two",
            ])
    }

    @Test func startsAndParkedModelsHaveTheirLimits() {
        var report = report()
        func starts(_ remote: Double) -> StartsPart.Result {
            let round = StartKind.tiers.flatMap { tier in
                [(StartKind.Placement.inProcess, 100), (.oneWorker, remote), (.groupOfOne, 500), (.groupOfTwo, 1000)]
                    .map {
                        StartsPart.Start(kind: .init(tier: tier, placement: $0.0), firstTokenMs: $0.1, stages: [])
                    }
            }
            return .init(rounds: Array(repeating: round, count: 10))
        }
        func parking(_ warm: Double, _ cold: Double) -> ParkingPart.Result {
            .init(
                cycles: [.warm: warm, .cold: cold].mapValues { ratio in
                    Array(repeating: .init(startMs: 100, parkedMs: 100 * ratio, stages: []), count: 10)
                })
        }
        report.starts = starts(125)
        report.parking = parking(1.05, 0.5)
        #expect(missed(report) == [])
        report.starts = starts(126)
        report.parking = parking(1.06, 0.51)
        #expect(
            missed(report) == [
                "warm start: remote, size 1 / in-process", "cold start: remote, size 1 / in-process",
                "first token of a parked model / warm start", "first token of a parked model / cold start",
            ])
        #expect(report.tables.contains("size 2 / divisible model, remote, size 1: 2.000"))
    }

    @Test func isolationIsWhatTheOthersAdd() {
        var report = report()
        func result(_ gap: Double, _ start: Double) -> IsolationPart.Result {
            .init(
                alone: [.init(gapMs: Array(repeating: 10, count: 1000), startMs: [50])],
                disturbed: [
                    .init(
                        gapMs: Array(repeating: 10, count: 985) + Array(repeating: gap, count: 15), startMs: [start])
                ], crashes: [7])
        }
        report.isolation = result(12, 60)
        #expect(missed(report) == [])
        report.isolation = result(12.1, 61)
        #expect(missed(report) == ["gap between tokens, p99: beside others - alone", "start beside others / alone"])
        #expect(report.tables.contains("7 programs died"))
    }

    @Test func whatLeaksRises() {
        var report = report()
        func cycles(bytes: Int, of every: Int, leftovers: Int) -> CyclesPart.Result {
            .init(
                cycles: 200, firstTokenMs: ["a-1": [500]],
                inventories: (1...200).map { cycle in
                    Inventory(
                        cycle: cycle,
                        bytesByKind: [
                            "controller": 50_000_000 + bytes * cycle, "zygote": 950_000_000 + cycle * 37 % 50 * 100_000,
                        ], processes: 9, controllerDescriptors: 40 + cycle % 3, descriptors: 200 + cycle / every,
                        segments: 0)
                }, leftovers: Leftovers(processes: leftovers, files: [], sharedMemory: []))
        }
        report.cycles = cycles(bytes: 0, of: 1000, leftovers: 0)
        report.simulatedCycles = report.cycles
        #expect(missed(report) == [])
        report.cycles = cycles(bytes: 600_000, of: 20, leftovers: 1)
        #expect(
            missed(report) == [
                "vLLM, second half of 200 cycles: growth of memory",
                "vLLM, 200 cycles: more descriptors of all processes",
                "vLLM, left over after the cycles",
            ])
        // Which kind it was is told.
        let lines = report.tables.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines.contains(["controller", "50.6", "110.6", "170.0"]))
    }

    @Test func jsonHoldsWhatFollowsFromTheSamples() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var report = report()
        report.decode = DecodeResult(
            sides: [.remote, .stockMultiprocess], threads: [.remote: 1, .stockMultiprocess: 1],
            blocks: (0..<20).map { _ in
                [
                    .remote: .init(stepMs: 10, firstTokenMs: [30]),
                    .stockMultiprocess: .init(stepMs: 8, firstTokenMs: [30]),
                ]
            })
        report.leases = LeasesPart.Result(samples: [2: [LeaseSample(engine: "e-1", leaseMs: 1, readyMs: 2)]])
        let path = try report.write(to: folder)
        #expect(path.hasSuffix("executor-19700101T000000Z.json"))
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let ratios = try #require(object["ratios"] as? [String: [String: Any]])
        #expect(ratios["remote / stock-multiprocess, per token"]?["ratio"] as? Double == 1.25)
        let decode = try #require(object["decode"] as? [String: Any])
        #expect(decode["threads"] as? [String: Int] == ["remote": 1, "stock-multiprocess": 1])
        let leases = (object["leases"] as? [String: Any])?["samples"] as? [String: [[String: Any]]]
        #expect(leases?["2"]?.first?["lease_ms"] as? Double == 1)
        #expect((object["bars"] as? [[String: Any]])?.count == 4)
    }
}
