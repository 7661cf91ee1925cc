import Foundation
import TestSupport
import Testing

extension Faults {
    /// What one engine does is nothing to another.
    @Suite struct Isolation {
        /// One loads for half a minute, one hangs, and one crashes again and again.
        private static let troubles: [TestModel] = [
            .remote("loading", workers: 2, arguments: ["sim-load-ms": "30000"]),
            .remote("hung", arguments: ["sim-worker-hang-at": "load"]),
            .remote("crashing", arguments: ["sim-worker-crash-after-steps": "1"]),
        ]
        private static let tokens = 400

        @Test func tokensComeAsIfItWereAlone() async throws {
            let models: [TestModel] = [.remote("alpha", arguments: ["sim-tokens-per-second": "100"]), .remote("beta")]
            try await withController(.init(models + Self.troubles, templates: false)) { controller in
                _ = try await controller.load("alpha")
                let startAlone = try await controller.fastestStart(of: "beta")
                let alone = try await controller.gaps(of: "alpha", tokens: Self.tokens)
                let made = Self.troubles.map { model in Task { await controller.keepAsking(model.name) } }
                defer { for task in made { task.cancel() } }
                try await eventually("all of them are at it") {
                    let engines = try await controller.engines()
                    return ["loading", "hung"].allSatisfy { name in
                        engines.contains { $0.model == name && $0.state == "starting" }
                    }
                }
                let beside = try await controller.gaps(of: "alpha", tokens: Self.tokens)
                let startBeside = try await controller.fastestStart(of: "beta")
                #expect(try await controller.model("crashing").lastError != nil)
                #expect(try await controller.engines().contains { $0.model == "loading" && $0.state == "starting" })

                let figures = [alone, beside].map { "p50 \($0.quantile(0.5)), p99 \($0.quantile(0.99))" }
                print("gaps between tokens alone: \(figures[0]); beside the others: \(figures[1])")
                print("a start alone: \(startAlone); beside the others: \(startBeside)")
                // A benchmark judges 2 ms. Here it is that nobody waits for anybody: for a load, a time-out, a start.
                #expect(beside.quantile(0.99) < alone.quantile(0.99) + .milliseconds(50))
                #expect(startBeside < startAlone * 3 + .milliseconds(250))
                // They hold no place that others could want.
                for task in made { task.cancel() }
                for model in Self.troubles { _ = try await controller.unload(model.name) }
                for task in made { await task.value }
            }
        }
    }
}

extension RunningController {
    /// The times between the tokens of one answer.
    fileprivate func gaps(of model: String, tokens: Int) async throws -> [Duration] {
        var stream = try await stream(model, "a", tokens: tokens)
        var last: ContinuousClock.Instant?
        var gaps: [Duration] = []
        while let event = try await stream.next() {
            guard case .token = event else { continue }
            let now = ContinuousClock.now
            if let last { gaps.append(now - last) }
            last = now
        }
        guard gaps.count == tokens - 1 else { throw TestFailure("\(gaps.count + 1) tokens instead of \(tokens)") }
        return gaps
    }

    /// The best of three, because this machine does other things too.
    fileprivate func fastestStart(of model: String) async throws -> Duration {
        var fastest = Duration.seconds(3600)
        for _ in 0..<3 {
            try await eventually("the pool is full") {
                try await workers().filter { $0.state == "idle" }.map(\.role).contains("worker")
            }
            let before = ContinuousClock.now
            _ = try await load(model)
            fastest = min(fastest, ContinuousClock.now - before)
            _ = try await unload(model)
        }
        return fastest
    }

    /// Whatever comes of it, until it is cancelled.
    fileprivate func keepAsking(_ model: String) async {
        while !Task.isCancelled {
            _ = try? await ask(model)
            try? await Task.sleep(for: .milliseconds(20))
        }
    }
}

extension [Duration] {
    fileprivate func quantile(_ part: Double) -> Duration {
        sorted()[Swift.min(count - 1, Int(Double(count) * part))]
    }
}
