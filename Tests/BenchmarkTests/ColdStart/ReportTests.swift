import Foundation
import Testing

@testable import BenchmarkSupport
@testable import cold_start_benchmark

@Suite struct ReportTests {
    private func report() -> Report {
        Report(
            command: ["bench"], date: Date(timeIntervalSince1970: 0), seed: 1, isQuick: false, plan: .full,
            parts: [.smollm2], machine: .current())
    }

    /// A discarded cycle of 9 s and twenty counted ones.
    private func starts(stock: [Double], _ milliseconds: [StartTier: Double]) -> StartsPart.Result {
        StartsPart.Result(
            stockStarts: [StartsPart.StockStart(firstTokenMs: 90_000, isDiscarded: true)]
                + stock.map { .init(firstTokenMs: $0, isDiscarded: false) },
            cycles: milliseconds.flatMap { tier, milliseconds in
                ([9000] + Array(repeating: milliseconds, count: 20)).enumerated().map {
                    StartsPart.Cycle(
                        tier: tier, firstTokenMs: $0.element,
                        stages: [TimedStage(stage: "queue", milliseconds: $0.element / 2)], isDiscarded: $0.offset == 0)
                }
            }, stockThreads: 2, threads: milliseconds.mapValues { _ in 2 })
    }

    private func missed(_ report: Report) -> [String] { report.bars.filter { !$0.isMet }.map(\.name) }

    @Test func discardedStartsCountNowhere() throws {
        let result = starts(stock: [20_000, 24_000, 22_000], [.warm: 550])
        let ratio = try #require(result.ratio(.warm))
        #expect(ratio.median == 40)
        #expect(ratio.interval?.lower == 40)
        #expect(result.ratio(.cold) == nil)
        let stages = StageTimes.byStage(result.cycles(.warm).map(\.stages))
        #expect(stages.map(\.stage) == ["queue"])
        #expect(stages.first?.milliseconds == Array(repeating: 275, count: 20))
    }

    @Test func eachKindOfStartHasABarOfItsOwn() {
        var report = report()
        report.smollm2 = SubjectResult(starts: starts(stock: [20_000], [.cold: 1000, .warm: 500, .asleep: 300]))
        #expect(missed(report) == [])
        report.smollm2 = SubjectResult(starts: starts(stock: [20_000], [.cold: 2600, .warm: 700, .asleep: 500]))
        #expect(
            missed(report) == [
                "SmolLM2, cold start: stock / ours", "SmolLM2, warm start: stock / ours",
                "SmolLM2, asleep start: stock / ours",
            ])
        // A large model may be slower.
        report.smollm2 = nil
        report.large = SubjectResult(starts: starts(stock: [20_000], [.warm: 2000, .asleep: 700]))
        #expect(missed(report) == [])
        report.large?.starts?.threads[.warm] = 1
        #expect(missed(report) == ["large, threads that compute, largest difference"])
    }

    @Test func aPartThatWasNotMeasuredHasNoBar() {
        #expect(report().bars.map(\.name) == ["processes left over"])
    }

    @Test func memoryIsJudgedByModel() {
        var report = report()
        report.memory["large"] = MemoryPart.Result(
            weightBytes: 3_000_000_000, templateBytes: 150_000_000, idleFrontEndBytes: 1, idleCoreBytes: 41_000_000,
            loadingBytes: 3_010_000_000, cloneCoreBytes: 79_000_000, cloneFrontEndBytes: 38_000_000)
        #expect(report.memory["large"]?.beyondWeightsBytes == 10_000_000)
        // Only the small model's template has a limit.
        #expect(missed(report) == ["large, idle process owns, larger"])
        #expect(report.tables.contains("... beyond its weights' files"))
    }

    @Test func driftIsWhatTheIntervalShows() {
        var report = report()
        func drift(perCycle: Double, bytesPerCycle: Int) -> DriftPart.Result {
            DriftPart.Result(
                cycles: (0..<200).map { number in
                    DriftPart.Cycle(
                        tier: DriftPart.tiers[number % 2],
                        firstTokenMs: 500 + perCycle * Double(number) + Double(number * 37 % 50),
                        writtenBytes: 1_000_000_000 + bytesPerCycle * number)
                }, leftovers: nil)
        }
        report.drift = drift(perCycle: 0, bytesPerCycle: 100_000)
        #expect(missed(report) == [])
        report.drift = drift(perCycle: 0.5, bytesPerCycle: 600_000)
        #expect(
            missed(report) == [
                "drift of the first token, warm, over 200 cycles", "drift of the first token, asleep, over 200 cycles",
                "growth of memory over the second half of 200 cycles",
            ])
    }

    @Test func aWithheldTemplateMayCostAsMuchAsItsMakingAndAWarmStart() {
        var report = report()
        report.eight = EightPart.Result(
            templateMs: [1000, 1000], warmMs: [500], disturbedMs: [550], withheldMs: [1400, 1400, 9000],
            besideWithheldMs: [900], besideWarmMs: [800], aloneSpeeds: [50], sharedSpeeds: [21])
        #expect(missed(report) == [])
        report.eight?.withheldMs = [1501]
        report.eight?.disturbedMs = [700]
        report.eight?.besideWithheldMs = [1100]
        report.eight?.sharedSpeeds = [19]
        #expect(
            missed(report) == [
                "withheld template: first token, median", "warm start while templates are made / without",
                "warm start beside the withheld one's / alone",
                "one of two that answer at the same time: slower",
            ])
    }

    @Test func jsonHoldsWhatFollowsFromTheSamples() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var report = report()
        report.smollm2 = SubjectResult(starts: starts(stock: [20_000], [.warm: 500]))
        let path = try report.write(to: folder)
        #expect(path.hasSuffix("cold-start-19700101T000000Z.json"))
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let ratios = try #require(object["ratios"] as? [String: [String: [String: Any]]])
        #expect((ratios["SmolLM2"]?["warm"]?["start"] as? [String: Any])?["median"] as? Double == 40)
        #expect((object["bars"] as? [[String: Any]])?.count == 4)
        let starts = (object["smollm2"] as? [String: Any])?["starts"] as? [String: Any]
        #expect((starts?["threads"] as? [String: Int]) == ["warm": 2])
    }
}
