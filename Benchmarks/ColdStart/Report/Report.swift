import Foundation

/// Everything that a run found out; written as JSON.
struct Report: Codable {
    let command: [String]
    let date: Date
    let seed: UInt64
    let isQuick: Bool
    let plan: Plan
    let parts: [Part]
    let machine: Machine
    var versions: [String: String] = [:]
    var cold: ColdPart.Result?
    var refill: RefillPart.Result?
    var relay: RelayPart.Result?
    var simulatedRelay: RelayPart.Result?
    var steady: SteadyPart.Result?
    var memory: MemoryPart.Result?
    /// What was still running when everything had been ended.
    var leftovers = 0
    /// Why the run did not come to its end.
    var failure: String?

    /// (a) by (b), of medians.
    var coldRatio: Double? {
        guard let cold, let stock = Statistics.median(cold.stockMs), let ours = Statistics.median(cold.gatewayMs) else {
            return nil
        }
        return stock / ours
    }

    /// The fastest stock start by the median of (b).
    var fastestStockRatio: Double? {
        guard let stock = cold?.stockMs.min(), let ours = cold.flatMap({ Statistics.median($0.gatewayMs) }) else {
            return nil
        }
        return stock / ours
    }

    var bars: [Bar] {
        var bars: [Bar] = []
        func add(_ name: String, _ measured: Double?, _ direction: Bar.Direction, _ limit: Double, _ unit: String) {
            if let measured { bars.append(Bar(name, measured, direction, limit, unit)) }
        }
        add("cold start: stock / gateway, by medians", coldRatio, .atLeast, 8, "times")
        add("pool full again, slowest", refill?.refillMs.max(), .atMost, 1000, "ms")
        add("idle warm process, largest", memory?.idleBytes.max().map { Double($0) / 1e6 }, .atMost, 40, "MB")
        add(
            "relay adds (simulated runtime), median", simulatedRelay.flatMap { Statistics.median($0.addedMs) }, .below,
            1,
            "ms")
        add(
            "decode speed: gateway / stock, worse end", steady?.decode?.lower, .atLeast, SteadyPart.lowestDecodeRatio,
            "times")
        add(
            "further first token: gateway / stock, worse end", steady?.firstToken?.upper, .atMost,
            SteadyPart.highestFirstTokenRatio, "times")
        add(
            "threads that compute, cold start: difference",
            cold.map { Self.difference($0.gatewayThreads, $0.stockThreads) },
            .atMost, 0, "")
        add(
            "threads that compute, steady state: difference",
            steady.map { Self.difference($0.gatewayThreads, $0.stockThreads) }, .atMost, 0, "")
        add("processes left over", Double(leftovers), .atMost, 0, "")
        return bars
    }

    private static func difference(_ left: Int, _ right: Int) -> Double { Double(abs(left - right)) }

    /// Stages of the counted cold cycles, in the order in which they were first told.
    var stages: [(stage: String, milliseconds: [Double])] {
        var order: [String] = []
        var times: [String: [Double]] = [:]
        for stage in (cold?.cycles ?? []).filter({ !$0.isDiscarded }).flatMap(\.stages) {
            if times[stage.stage] == nil { order.append(stage.stage) }
            times[stage.stage, default: []].append(stage.milliseconds)
        }
        return order.map { ($0, times[$0] ?? []) }
    }

    /// - Returns: the path of the file.
    func write(to folder: String) throws -> String {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let name = date.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
        let path = "\(folder)/cold-start-\(name).json"
        try encoder.encode(Document(report: self)).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// The report and what follows from it.
    private struct Document: Encodable {
        let report: Report

        enum CodingKeys: String, CodingKey {
            case bars, coldRatio, fastestStockRatio, decodeRatio, firstTokenRatio
        }

        func encode(to encoder: any Encoder) throws {
            try report.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(report.bars, forKey: .bars)
            try container.encodeIfPresent(report.coldRatio, forKey: .coldRatio)
            try container.encodeIfPresent(report.fastestStockRatio, forKey: .fastestStockRatio)
            try container.encodeIfPresent(report.steady?.decode, forKey: .decodeRatio)
            try container.encodeIfPresent(report.steady?.firstToken, forKey: .firstTokenRatio)
        }
    }
}
