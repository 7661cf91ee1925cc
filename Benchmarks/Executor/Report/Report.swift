import BenchmarkSupport
import Foundation

/// Everything that a run found out.
struct Report: Codable, BenchmarkReport {
    static let name = "executor"

    let command: [String]
    let date: Date
    let seed: UInt64
    let isQuick: Bool
    let plan: Plan
    let parts: [Part]
    let machine: Machine
    var versions: [String: String] = [:]
    var decode: DecodeResult<ExecutorSide>?
    var sizes: DecodeResult<GroupSide>?
    var starts: StartsPart.Result?
    var leases: LeasesPart.Result?
    var parking: ParkingPart.Result?
    var isolation: IsolationPart.Result?
    var cycles: CyclesPart.Result?
    var simulatedCycles: CyclesPart.Result?
    var leftovers = 0
    var failure: String?

    /// Those that were run, with what they ran on.
    var allCycles: [(name: String, result: CyclesPart.Result)] {
        [("vLLM", cycles), ("simulated", simulatedCycles)].compactMap { name, result in result.map { (name, $0) } }
    }

    var document: Document { Document(report: self) }

    struct Document: Encodable {
        fileprivate let report: Report

        enum CodingKeys: String, CodingKey {
            case bars, ratios
        }

        func encode(to encoder: any Encoder) throws {
            try report.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(report.bars, forKey: .bars)
            try container.encode(report.ratios, forKey: .ratios)
        }
    }

    /// With their intervals, by what they compare.
    private var ratios: [String: RatioInterval] {
        var ratios = decode?.ratios ?? [:]
        ratios.merge(sizes?.ratios ?? [:]) { first, _ in first }
        for tier in StartKind.tiers {
            for placement in StartKind.Placement.allCases where placement != .inProcess {
                ratios["\(tier) start, \(placement.rawValue) / in-process"] = starts?.interval(tier, placement)
            }
            ratios["parked / \(tier) start"] = parking?.interval(tier)
        }
        return ratios
    }
}
