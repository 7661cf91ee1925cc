import Foundation
import Testing

@testable import cold_start_benchmark

@Suite struct ReportTests {
    private func report() -> Report {
        Report(
            command: ["bench"], date: Date(timeIntervalSince1970: 0), seed: 1, isQuick: false, plan: .full,
            parts: [.cold], machine: .current())
    }

    private func side(_ speed: Double, _ first: Double) -> SteadyPart.Side {
        SteadyPart.Side(tokensPerSecond: speed, firstTokenMs: [first, first * 3, first / 3])
    }

    @Test func ratiosLeaveDiscardedStartsOut() throws {
        var report = report()
        report.cold = ColdPart.Result(
            stockStarts: [(90_000, true), (20_000, false), (24_000, false), (22_000, false)].map {
                ColdPart.StockStart(firstTokenMs: $0, isDiscarded: $1)
            },
            cycles: [(9000, true), (1000, false), (2000, false), (3000, false)].map {
                ColdPart.Cycle(
                    model: "first", firstTokenMs: $0, stages: [TimedStage(stage: "load", milliseconds: $0 / 2)],
                    isDiscarded: $1)
            }, stockThreads: 2, gatewayThreads: 2)
        #expect(report.coldRatio == 11)
        #expect(report.fastestStockRatio == 10)
        #expect(report.stages.map(\.stage) == ["load"])
        #expect(report.stages.first?.milliseconds == [500, 1000, 1500])
        #expect(!report.bars.contains { !$0.isMet })
        report.cold?.gatewayThreads = 1
        #expect(report.bars.filter { !$0.isMet }.map(\.name) == ["threads that compute, cold start: difference"])
    }

    @Test func aPartThatWasNotMeasuredHasNoBar() {
        #expect(report().bars.map(\.name) == ["processes left over"])
    }

    @Test func barsJudgeTheWorseEnd() {
        #expect(Bar("", 8, .atLeast, 8, "").isMet)
        #expect(!Bar("", 7.99, .atLeast, 8, "").isMet)
        #expect(Bar("", 40, .atMost, 40, "").isMet)
        #expect(!Bar("", 1, .below, 1, "").isMet)
        #expect(!Bar("", .nan, .below, 1, "").isMet)
    }

    @Test func blocksGoOnWhileTheIntervalIsTooWide() {
        var result = SteadyPart.Result()
        #expect(!SteadyPart.isSettled(result))
        result.blocks = Array(repeating: .init(gateway: side(50, 30), stock: side(50, 30)), count: 20)
        #expect(SteadyPart.isSettled(result))
        // The decode speed is clearly behind: no more blocks would help.
        result.blocks = Array(repeating: .init(gateway: side(40, 30), stock: side(50, 30)), count: 20)
        #expect(SteadyPart.isSettled(result))
        // The same on average, but far too noisy to tell.
        result.blocks = (0..<20).map {
            .init(gateway: side($0.isMultiple(of: 2) ? 20 : 125, 30), stock: side(50, 30))
        }
        #expect(!SteadyPart.isSettled(result))
    }

    @Test func jsonHoldsWhatFollowsFromTheSamples() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var report = report()
        report.steady = SteadyPart.Result(
            blocks: Array(repeating: .init(gateway: side(50, 30), stock: side(50, 30)), count: 6), stockThreads: 2,
            gatewayThreads: 2)
        let path = try report.write(to: folder)
        #expect(path.hasSuffix("cold-start-19700101T000000Z.json"))
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect((object["decode_ratio"] as? [String: Any])?["lower"] as? Double == 1)
        #expect((object["bars"] as? [[String: Any]])?.count == 4)
        #expect((object["steady"] as? [String: Any])?["stock_threads"] as? Int == 2)
    }

    @Test func columns() {
        var table = TextTable(["name"] + TextTable.sampleColumns)
        #expect(table.isEmpty)
        table.add("nothing", [])
        #expect(table.isEmpty)
        table.add("longer name", [1, 2, 3])
        #expect(
            table.text == """
                name         n  median  p90  least  most
                longer name  3     2.0  2.8    1.0   3.0
                """)
    }

    @Test func configTextQuotesPaths() {
        let text = ControllerConfig(
            port: 8123, runDirectory: #"/tmp/a "b"\c"#, runtime: ("program", "/bin/simulated"),
            models: [
                .init(name: "m", path: "/models/m", arguments: FairSettings.arguments),
                .init(name: "n", path: "/models/n", arguments: []),
            ]
        ).text
        #expect(
            text == #"""
                listen: 127.0.0.1:8123
                run_directory: "/tmp/a \"b\"\\c"
                orphan_timeout: 30s
                pool: {idle_workers: 1}
                runtimes:
                  benchmarked:
                    program: "/bin/simulated"
                    environment: {HF_HUB_OFFLINE: "1", VLLM_NO_USAGE_STATS: "1"}
                models:
                  m:
                    path: "/models/m"
                    arguments: {enforce-eager: true, max-model-len: 2048, max-num-seqs: 16, kv-cache-memory-bytes: 268435456}
                  n:
                    path: "/models/n"
                    arguments: {}

                """#)
    }
}
