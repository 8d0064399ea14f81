// Package alloy has no code: its tests hold the catalog's configurations of Grafana
// Alloy to Alloy itself. They are parsed and evaluated by Alloy's own library, and
// their components, blocks and attributes compared with those that the source of the
// image's version declares, which is read and not compiled: that would be thousands
// of packages.
package alloy
