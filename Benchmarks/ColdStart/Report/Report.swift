import BenchmarkSupport
import Foundation

/// Everything that a run found out.
struct Report: Codable, BenchmarkReport {
    static let name = "cold-start"

    let command: [String]
    let date: Date
    let seed: UInt64
    let isQuick: Bool
    let plan: Plan
    let parts: [Part]
    let machine: Machine
    var versions: [String: String] = [:]
    var relay: RelayPart.Result?
    var simulatedRelay: RelayPart.Result?
    var smollm2: SubjectResult?
    var large: SubjectResult?
    /// By the names of subjects.
    var memory: [String: MemoryPart.Result] = [:]
    var drift: DriftPart.Result?
    var eight: EightPart.Result?
    var leftovers = 0
    var failure: String?

    /// Those that were measured, with their names.
    var subjects: [(name: String, result: SubjectResult)] {
        [(Subject.smallName, smollm2), (Subject.largeName, large)].compactMap { name, result in
            result.map { (name, $0) }
        }
    }

    var document: Document { Document(report: self) }

    struct Document: Encodable {
        struct Ratios: Encodable {
            let start: StartRatio?
            let decode: RatioInterval?
            let firstToken: RatioInterval?
        }

        fileprivate let report: Report

        enum CodingKeys: String, CodingKey {
            case bars, ratios, trends
        }

        func encode(to encoder: any Encoder) throws {
            try report.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(report.bars, forKey: .bars)
            let ratios = report.subjects.map { name, result in
                let tiers = StartTier.allCases.map { tier in
                    let ratios = Ratios(
                        start: result.starts?.ratio(tier), decode: result.steady?.decode(tier),
                        firstToken: result.steady?.firstToken(tier))
                    return (tier, ratios)
                }
                return (name, Dictionary(uniqueKeysWithValues: tiers))
            }
            try container.encode(Dictionary(uniqueKeysWithValues: ratios), forKey: .ratios)
            guard let drift = report.drift else { return }
            let trends = [
                "warm_ms": drift.firstToken(.warm), "asleep_ms": drift.firstToken(.asleep),
                "bytes_first_half": drift.memory?.firstHalf.trend, "bytes_second_half": drift.memory?.secondHalf.trend,
            ]
            try container.encode(trends, forKey: .trends)
        }
    }
}
