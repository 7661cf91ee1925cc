import AsyncHTTPClient
import Foundation
import Logging
import Management
import ServiceLifecycle
import Testing

/// A management API on a socket of its own, for the time of one test.
struct RunningAPI: Sendable {
    let socketPath: String
    let http: HTTPClient
    let group: ServiceGroup
    /// Cancels the task that serves.
    let cancel: @Sendable () -> Void

    struct Reply: Equatable {
        let status: Int
        let headers: [String: String]
        let body: String
    }

    /// Also checks the end: an idle connection does not hold it up, and the socket is gone after it.
    ///
    /// - Parameter socketPath: one of its own by default.
    static func with(
        _ controller: FakeController = FakeController(), socketPath: String? = nil,
        heartbeat: Duration = .seconds(60),
        _ body: (RunningAPI) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "mgmt-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = socketPath ?? directory.appendingPathComponent("m.sock").path
        let (listening, continuation) = AsyncStream<Void>.makeStream()
        let api = ManagementAPI(
            controller: controller, publicAddress: { PublicAddress(host: "127.0.0.1", port: 8000) }, socketPath: path,
            heartbeat: heartbeat, logger: quiet, onListening: { continuation.yield() })
        let group = ServiceGroup(services: [api], logger: quiet)
        let serving = Task {
            defer { continuation.finish() }
            try await group.run()
        }
        let http = HTTPClient()
        do {
            for await _ in listening { break }
            try await body(
                RunningAPI(socketPath: path, http: http, group: group, cancel: { serving.cancel() }))
        } catch {
            serving.cancel()
            _ = await serving.result
            try? await http.shutdown()
            throw error
        }
        await group.triggerGracefulShutdown()
        let result = await serving.result
        try await http.shutdown()
        if !serving.isCancelled { try result.get() }
        #expect(!FileManager.default.fileExists(atPath: path))
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
