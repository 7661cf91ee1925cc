import NIOHTTP1

/// Which headers pass. Those that speak about one connection, and those that a message's framing is made of, end here:
/// the next connection has its own.
enum HeaderFilter {
    /// What goes to the upstream of a request whose body was collected.
    static func request(_ headers: HTTPHeaders, bodyBytes: Int) -> HTTPHeaders {
        var kept = passing(headers, without: ["expect", "content-length"])
        if bodyBytes > 0 || headers.contains(name: "content-length") {
            kept.add(name: "Content-Length", value: String(bodyBytes))
        }
        return kept
    }

    /// What goes to the client of a response; the length stays, since the body passes through as it is.
    static func response(_ headers: HTTPHeaders) -> HTTPHeaders {
        passing(headers, without: [tierName])
    }

    /// The header that tells where the model stood. Nobody says it but us.
    static let tierName = "x-start-tier"

    private static let hopByHop = [
        "te", "trailer", "upgrade", "connection", "keep-alive", "proxy-connection", "transfer-encoding",
        "proxy-authenticate", "proxy-authorization",
    ]

    private static func passing(_ headers: HTTPHeaders, without others: [String]) -> HTTPHeaders {
        let named = headers[canonicalForm: "connection"]
        var kept: [(String, String)] = []
        kept.reserveCapacity(headers.count + 3)
        for (name, value) in headers {
            let isDropped =
                hopByHop.contains { matches(name, $0) } || others.contains { matches(name, $0) }
                || named.contains { matches(name, $0) }
            if !isDropped { kept.append((name, value)) }
        }
        return HTTPHeaders(kept)
    }

    /// Whether two names are one, whatever their case. Compares in place: this runs for every header of every message.
    private static func matches(_ left: some StringProtocol, _ right: some StringProtocol) -> Bool {
        let (left, right) = (left.utf8, right.utf8)
        return left.count == right.count && zip(left, right).allSatisfy { lowercased($0) == lowercased($1) }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 { byte >= 65 && byte <= 90 ? byte | 0x20 : byte }
}
