/// How long tests wait for what takes milliseconds on a machine that has nothing else to do.
public let patience = Duration.seconds(60)

/// Asks again and again, where there is no event to wait for, until there is an answer.
///
/// - Throws: `TestFailure` if there is none within the limit.
public func eventually<Found>(
    _ what: String, within limit: Duration = patience, _ ask: () async throws -> Found?
) async throws -> Found {
    let deadline = ContinuousClock.now + limit
    while true {
        if let found = try await ask() { return found }
        guard ContinuousClock.now < deadline else { throw TestFailure("not within \(limit): \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}

/// Asks again and again until the answer is yes.
public func eventually(
    _ what: String, within limit: Duration = patience, _ isSo: () async throws -> Bool
) async throws {
    let _: Bool = try await eventually(what, within: limit) { try await isSo() ? true : nil }
}
