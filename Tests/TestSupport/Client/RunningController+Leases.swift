import Foundation

extension TestModel {
    /// A model that runs on leased workers.
    ///
    /// - Parameter workers: how many; each is a rank of its engine.
    public static func remote(
        _ name: String, workers: Int = 1, settings: [String: String] = [:], arguments: [String: String] = [:]
    ) -> TestModel {
        let own = ["executor": "remote", "tensor_parallel_size": "\(workers)"]
        return TestModel(name, settings: own.merging(settings) { $1 }, arguments: arguments)
    }
}

extension RunningController {
    /// The workers that are leased to engines, by their places.
    public func pool() async throws -> [WorkerState] {
        try await workers().filter { $0.role == "worker" }.sorted { ($0.slot ?? 0) < ($1.slot ?? 0) }
    }

    /// Those that an engine has, in the order of their ranks.
    public func pool(of engine: String) async throws -> [WorkerState] {
        let pool = try await pool()
        guard let engine = try await engines().first(where: { $0.id == engine }) else {
            throw TestFailure("there is no engine \(engine)")
        }
        return engine.workers.compactMap { id in pool.first { $0.id == id } }
    }

    /// Waits until exactly so many workers are there, and all of them are idle, and returns them.
    @discardableResult
    public func awaitIdlePool(of count: Int, within limit: Duration = patience) async throws -> [WorkerState] {
        try await eventually("\(count) workers are idle, and no others are there", within: limit) {
            let pool = try await pool()
            return pool.count == count && pool.allSatisfy { $0.state == "idle" } ? pool : nil
        }
    }

    /// Takes the workers from the model's engine, whose front end stays.
    public func park(_ engine: String) async throws -> Reply { try await post("/engines/\(engine)/park") }

    /// Gives the engine workers again.
    public func unpark(_ engine: String) async throws -> Reply { try await post("/engines/\(engine)/workers") }
}
