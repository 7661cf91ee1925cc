import BenchmarkSupport
import Foundation

/// What `simulated-runtime executor` writes of its lease.
struct LeaseSample: Codable, Equatable {
    let engine: String
    /// From its request to the grant.
    let leaseMs: Double
    /// From its start until all of its workers had done their part of the model's start.
    let readyMs: Double

    private struct Line: Decodable {
        let engine: String?
        let leaseMs, readyMs: Double?
        let refused: String?

        enum CodingKeys: String, CodingKey {
            case engine, refused
            case leaseMs = "lease_ms"
            case readyMs = "ready_ms"
        }
    }

    init(engine: String, leaseMs: Double, readyMs: Double) {
        self.engine = engine
        self.leaseMs = leaseMs
        self.readyMs = readyMs
    }

    /// - Parameter output: of the program, with its log lines among it.
    /// - Throws: if there was no lease, with the reason.
    init(output: String) throws {
        let lines = output.split(separator: "\n").compactMap {
            try? JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
        if let reason = lines.compactMap(\.refused).first { throw BenchmarkError("The lease was refused: \(reason)") }
        let samples = lines.compactMap { line -> LeaseSample? in
            guard let engine = line.engine, let lease = line.leaseMs, let ready = line.readyMs else { return nil }
            return LeaseSample(engine: engine, leaseMs: lease, readyMs: ready)
        }
        guard let sample = samples.first else {
            throw BenchmarkError("The executor says nothing of its lease:\n\(output.suffix(1000))")
        }
        self = sample
    }
}
