import AsyncHTTPClient
import Foundation
import Logging
import Management
import ServiceLifecycle

@testable import worker_controller

/// A management API on a socket of its own, for the time of one test.
struct RunningAPI: Sendable {
    let socketPath: String
    let http: HTTPClient
    let group: ServiceGroup

    struct Reply: Equatable {
        let status: Int
        let headers: [String: String]
        let body: String
    }

    static func with(_ controller: FakeController = FakeController(), _ body: (RunningAPI) async throws -> Void)
        async throws
    {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "mgmt-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("m.sock").path
        let (listening, continuation) = AsyncStream<Void>.makeStream()
        let api = ManagementAPI(
            controller: controller, publicAddress: { PublicAddress(host: "127.0.0.1", port: 8000) }, socketPath: path,
            logger: quiet, onListening: { continuation.yield() })
        let group = ServiceGroup(services: [api], logger: quiet)
        let http = HTTPClient()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { continuation.finish() }
                try await group.run()
            }
            do {
                for await _ in listening { break }
                try await body(RunningAPI(socketPath: path, http: http, group: group))
                try await http.shutdown()
            } catch {
                try? await http.shutdown()
                tasks.cancelAll()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    static var quiet: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    /// As `--address` takes it.
    var address: String {
        "http+unix://" + socketPath.replacingOccurrences(of: "/", with: "%2F")
    }

    func get(_ path: String) async throws -> Reply { try await send("GET", path) }

    func send(_ method: String, _ path: String, body: [UInt8]? = nil, isChunked: Bool = false) async throws -> Reply {
        var request = HTTPClientRequest(url: address + path)
        request.method = .init(rawValue: method)
        if let body { request.body = isChunked ? .bytes(body, length: .unknown) : .bytes(body) }
        let response = try await http.execute(request, timeout: .seconds(60))
        let headers = Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
        return Reply(
            status: Int(response.status.code), headers: headers,
            body: String(buffer: try await response.body.collect(upTo: 1 << 20)))
    }
}
