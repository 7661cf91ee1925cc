import Foundation

/// The controller's management API, as far as the benchmark needs it.
struct ManagementClient {
    struct Worker: Decodable {
        let pid: Int?
        /// `starting`, `idle`, `leased` or `resetting`.
        let state: String
        let role: String
    }
    struct Engine: Decodable {
        let model: String
        let state: String
        let pid: Int?
        let frontEndPid: Int?
        let socket: String?

        enum CodingKeys: String, CodingKey {
            case model, state, pid, socket
            case frontEndPid = "front_end_pid"
        }
    }
    struct Runtime: Decodable {
        let state: String
        let pid: Int?
        let versions: [String: String]
        let lastError: String?

        enum CodingKeys: String, CodingKey {
            case state, pid, versions
            case lastError = "last_error"
        }
    }
    private struct WorkerList: Decodable { let workers: [Worker] }
    private struct EngineList: Decodable { let engines: [Engine] }
    private struct RuntimeList: Decodable { let runtimes: [Runtime] }

    let endpoint: Endpoint

    func workers() throws -> [Worker] { try decoded(WorkerList.self, "GET", "/workers").workers }
    func engines() throws -> [Engine] { try decoded(EngineList.self, "GET", "/engines").engines }
    func runtimes() throws -> [Runtime] { try decoded(RuntimeList.self, "GET", "/runtimes").runtimes }
    /// Returns when the memory is back.
    func unload(_ model: String) throws { try succeed("POST", "/models/\(model)/unload") }
    /// Returns when the model is ready.
    func load(_ model: String) throws { try succeed("POST", "/models/\(model)/load") }

    private func succeed(_ method: String, _ path: String) throws {
        let (status, body) = try call(method, path)
        guard status == 200 else {
            let text = String(decoding: body.prefix(1000), as: UTF8.self)
            throw BenchmarkError("\(method) \(path) was answered with status \(status): \(text)")
        }
    }

    private func decoded<Value: Decodable>(_ type: Value.Type, _ method: String, _ path: String) throws -> Value {
        let (status, body) = try call(method, path)
        guard status == 200, let value = try? JSONDecoder().decode(type, from: Data(body)) else {
            let text = String(decoding: body.prefix(1000), as: UTF8.self)
            throw BenchmarkError("\(method) \(path) was answered with status \(status): \(text)")
        }
        return value
    }

    /// - Throws: `Connection.Refused` while nobody listens.
    private func call(_ method: String, _ path: String) throws -> (status: Int, body: [UInt8]) {
        let deadline = Instant.now + .seconds(300)
        let connection = try Connection(to: endpoint, by: deadline)
        let head = "\(method) \(path) HTTP/1.1\r\nHost: \(endpoint.host)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
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
        return (parser.status, body)
    }
}
