import Foundation

/// The controller's management API, as far as the benchmark needs it.
package struct ManagementClient: Sendable {
    package struct Worker: Decodable {
        package let pid: Int?
        /// `starting`, `idle`, `leased` or `resetting`.
        package let state: String
        package let role: String
        /// The id of the engine that has it.
        package let engine: String?
        /// From whose template it was forked; nil for those that any model can have.
        package let model: String?
    }
    package struct Template: Decodable {
        /// `starting`, `preparing`, `ready`, `loading` or `failed`.
        package let state: String
        package let pid: Int?
        /// When it was made, before it forked anything that shares its pages.
        package let privateBytes: Int?
        package let stages: [TimedStage]
        package let lastError: String?

        enum CodingKeys: String, CodingKey {
            case state, pid, stages
            case privateBytes = "private_bytes"
            case lastError = "last_error"
        }
    }
    package struct Model: Decodable {
        package let name: String
        /// A `StartTier`, or `hot`.
        package let tier: String
        package let template: Template?
    }
    package struct Engine: Decodable {
        package let id: String
        package let model: String
        package let state: String
        package let pid: Int?
        package let frontEndPid: Int?
        package let socket: String?
        package let startTier: String?
        /// Of its last start.
        package let stages: [TimedStage]

        /// Front end and core.
        package var pids: [Int] { [frontEndPid, pid].compactMap(\.self) }

        enum CodingKeys: String, CodingKey {
            case id, model, state, pid, socket, stages
            case frontEndPid = "front_end_pid"
            case startTier = "start_tier"
        }
    }
    package struct Runtime: Decodable {
        package let state: String
        package let pid: Int?
        package let versions: [String: String]
        package let lastError: String?

        enum CodingKeys: String, CodingKey {
            case state, pid, versions
            case lastError = "last_error"
        }
    }
    private struct WorkerList: Decodable {
        let workers, frontEnds, templates: [Worker]

        enum CodingKeys: String, CodingKey {
            case workers, templates
            case frontEnds = "front_ends"
        }
    }
    private struct EngineList: Decodable { let engines: [Engine] }
    private struct ModelList: Decodable { let models: [Model] }
    private struct RuntimeList: Decodable { let runtimes: [Runtime] }

    package let endpoint: Endpoint

    /// Cores, front ends, and workers that are leased to engines with remote executors.
    package func workers() throws -> [Worker] {
        let list = try decoded(WorkerList.self, "/workers")
        return list.workers + list.frontEnds
    }
    /// The pids of all processes but the controller's own, by role.
    package func pidsByRole() throws -> [String: [Int]] {
        let list = try decoded(WorkerList.self, "/workers")
        var pids = Dictionary(grouping: list.workers + list.frontEnds + list.templates, by: \.role)
            .mapValues { $0.compactMap(\.pid) }
        pids["zygote"] = try runtimes().compactMap(\.pid)
        return pids
    }
    package func engines() throws -> [Engine] { try decoded(EngineList.self, "/engines").engines }
    package func runtimes() throws -> [Runtime] { try decoded(RuntimeList.self, "/runtimes").runtimes }
    /// - Throws: a `BenchmarkError` too if a template could not be made, because nothing is measured without it.
    package func models() throws -> [Model] {
        let models = try decoded(ModelList.self, "/models").models
        if let failed = models.first(where: { $0.template?.state == "failed" }) {
            let reason = failed.template?.lastError ?? "GET /models does not say why"
            throw BenchmarkError("The template of '\(failed.name)' could not be made: \(reason)")
        }
        return models
    }
    /// Returns when the memory is back.
    package func unload(_ model: String) throws { _ = try call("POST", "/models/\(model)/unload") }
    /// Returns when the model is ready.
    package func load(_ model: String) throws { _ = try call("POST", "/models/\(model)/load") }
    /// Returns when the model is asleep.
    package func sleep(_ model: String) throws { _ = try call("POST", "/models/\(model)/sleep") }
    /// Returns when the model, which was asleep, is ready.
    package func wake(_ model: String) throws { _ = try call("POST", "/models/\(model)/wake") }

    /// Takes the workers of an engine, named by its id, and keeps its front end. Returns when they are given back.
    package func park(_ engine: String) throws { _ = try call("POST", "/engines/\(engine)/park") }

    /// The controller says that it cannot answer now, as while it starts.
    package struct Unavailable: Error, CustomStringConvertible { package let description: String }

    private func decoded<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value {
        let body = try call("GET", path)
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw BenchmarkError("The answer to GET \(path) is not as expected: \(error)")
        }
    }

    /// - Throws: `Connection.Refused` while nobody listens, `Unavailable`, or a `BenchmarkError`.
    private func call(_ method: String, _ path: String) throws -> [UInt8] {
        let deadline = Instant.now + .seconds(300)
        let connection = try Connection(to: endpoint, by: deadline)
        let head =
            "\(method) \(path) HTTP/1.1\r\nHost: \(endpoint.host)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        try connection.send(Array(head.utf8), by: deadline)
        var parser = ResponseParser()
        var body: [UInt8] = []
        while !parser.isComplete {
            let bytes = try connection.receive(by: deadline).bytes
            if bytes.isEmpty {
                try parser.end()
            } else {
                body += try parser.consume(bytes)
            }
        }
        if parser.status == 200 { return body }
        let text = String(decoding: body.prefix(1000), as: UTF8.self)
        let message = "\(method) \(path) was answered with status \(parser.status): \(text)"
        throw parser.status == 503 ? Unavailable(description: message) : BenchmarkError(message) as any Error
    }
}
