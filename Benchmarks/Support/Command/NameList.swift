import ArgumentParser

/// The value of an option that takes names with commas between, as `--parts`.
package struct NameList<Name: CaseIterable & RawRepresentable & Equatable>: ExpressibleByArgument
where Name.RawValue == String {
    package let names: [Name]

    /// All of them.
    package init() { names = Array(Name.allCases) }

    /// In the order in which they are declared; nil if one of them is none.
    package init?(argument: String) {
        let named = argument.split(separator: ",", omittingEmptySubsequences: false).map { Name(rawValue: String($0)) }
        guard named.allSatisfy({ $0 != nil }) else { return nil }
        names = Name.allCases.filter(named.contains)
    }

    package var defaultValueDescription: String { names.map(\.rawValue).joined(separator: ",") }
}
